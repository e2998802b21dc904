#!/usr/bin/env bash
# Installs what the tests need and the machine lacks, on a Debian-like system:
# Node.js (18 or newer) with npm, Chromium, Python 3 with venv, and then the
# published clients in tests/clients; Spring's only where Java and Maven are.
# With the argument "proxies" also the proxies that are tested in front of Byway.
# Run as root, or where sudo is available. Running it again does nothing that
# is done already.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
limit=900

fail() {
  echo "install: $*" >&2
  exit 1
}

have_node() {
  type -P node >/dev/null && type -P npm >/dev/null &&
    node -e 'process.exit(parseInt(process.versions.node, 10) >= 18 ? 0 : 1)'
}

have_chromium() {
  type -P chromium >/dev/null
}

have_python() {
  type -P python3 >/dev/null && python3 -c 'import venv, ensurepip' 2>/dev/null
}

can_be_root() {
  [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif type -P sudo >/dev/null; then
    sudo -n "$@"
  else
    fail "cannot run '$*': neither root nor sudo"
  fi
}

install_packages() {
  local missing=()
  have_node || missing+=(nodejs npm)
  have_chromium || missing+=(chromium)
  have_python || missing+=(python3 python3-venv)
  if [ ${#missing[@]} -eq 0 ]; then
    return
  fi
  # They are only recommended by Debian's Node.js, and without them npm reaches nothing.
  [ -s /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
  type -P apt-get >/dev/null || fail "needs ${missing[*]}, and there is no apt-get to install them"
  echo "install: ${missing[*]}"
  as_root timeout "$limit" apt-get -q -o Acquire::Retries=2 -o APT::Update::Error-Mode=any update ||
    fail "the package lists cannot be updated: the package source cannot be reached"
  as_root timeout "$limit" env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -o Acquire::Retries=2 install -y --no-install-recommends "${missing[@]}" ||
    fail "these packages cannot be installed: ${missing[*]}"
  have_node || fail "Node.js is there, but not 18 or newer with npm: $(node --version 2>&1 || true)"
  have_chromium || fail "chromium is still not on the PATH"
  have_python || fail "python3 still lacks venv"
}

install_clients() {
  cd "$here/clients"
  local stamp=node_modules/.installed-lock
  if cmp -s package-lock.json "$stamp"; then
    return
  fi
  echo "install: the published clients"
  timeout "$limit" npm ci --no-audit --no-fund ||
    fail "the clients cannot be installed: the npm registry cannot be reached, or does not have them"
  cp package-lock.json "$stamp"
}

# In an environment of its own, and made anew when the list has changed.
install_python_clients() {
  local list=$here/clients/requirements.txt made=$here/.cache/python
  if cmp -s "$list" "$made/.installed"; then
    return
  fi
  echo "install: the Python clients"
  python3 -m venv --clear "$made"
  timeout "$limit" "$made/bin/pip" install -q --disable-pip-version-check -r "$list" ||
    fail "the Python clients cannot be installed: the package index cannot be reached, or does not have them"
  cp "$list" "$made/.installed"
}

# Not every machine with Maven can reach its repository: then Spring's clients are skipped, and say so.
install_spring_clients() {
  local project=$here/clients/spring/pom.xml made=$here/.cache/spring
  if ! type -P java mvn >/dev/null || cmp -s "$project" "$made/.installed"; then
    return
  fi
  echo "install: Spring's clients"
  if timeout "$limit" mvn -q -B -f "$project" compile; then
    cp "$project" "$made/.installed"
  else
    echo "install: Spring's clients cannot be had: the repository cannot be reached, or does not have them"
  fi
}

# The proxies that stand in front of Byway in the tests. They are installed to be started by the tests alone: as services they neither
# start now nor at the next boot. Where they cannot be had, their suite is skipped.
have_proxies() {
  local program
  for program in nginx haproxy squid privoxy varnishd lighttpd; do
    PATH=$PATH:/usr/sbin type -P "$program" >/dev/null || return
  done
}

policy=/usr/sbin/policy-rc.d made=''

# Services start with their packages again, however the installation ended.
allow_services() {
  [ -z "$made" ] || as_root rm -f "$made"
  made=''
}

install_proxies() {
  local service missing=()
  if have_proxies || ! type -P apt-get >/dev/null || ! can_be_root; then
    return 0
  fi
  for service in nginx haproxy squid privoxy varnish lighttpd; do
    PATH=$PATH:/usr/sbin type -P "${service/%varnish/varnishd}" >/dev/null || missing+=("$service")
  done
  echo "install: ${missing[*]}"
  if [ ! -e "$policy" ]; then
    made=$policy
    trap allow_services EXIT
    trap 'exit 130' INT TERM HUP
    printf '#!/bin/sh\nexit 101\n' | as_root install -m 755 /dev/stdin "$policy"
  fi
  as_root timeout "$limit" apt-get -q -o Acquire::Retries=2 update &&
    as_root timeout "$limit" env DEBIAN_FRONTEND=noninteractive \
      apt-get -q -o Acquire::Retries=2 install -y --no-install-recommends "${missing[@]/%nginx/nginx-light}" ||
    echo "install: these proxies cannot be had: ${missing[*]}"
  allow_services
  if type -P systemctl >/dev/null; then
    as_root systemctl disable "${missing[@]}" || true
  fi
}

install_packages
[ "${1:-}" != proxies ] || install_proxies
install_clients
install_python_clients
install_spring_clients
echo "install: node $(node --version), $(chromium --version 2>/dev/null | head -n 1), $(python3 --version)"
