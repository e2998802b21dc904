#!/usr/bin/env bash
# Runs the Autobahn WebSocket fuzzing client against a server.
#
#   run.sh setup DIR
#   run.sh run DIR NAME WS_URL [CASES]
#
# setup makes DIR/py27, once. run sets up first when that was not done, and
# writes its reports to DIR/reports/NAME. CASES is a JSON array of patterns;
# without it, sections 1 to 7, 9 and 10 are run (about 20 s; sections 12 and
# 13, compression, take about 8 minutes each, and need a server that
# compresses, such as /echo_big of examples/sockjs_test_server).
#
# The suite speaks Python 2.7 only. That is taken from $PY27, from pyenv,
# from the PATH, or, on a Debian that has no python2.7 any more, from the
# packages of the last Debian that had one: these are unpacked under DIR, not
# installed, so root is not needed.
#
# Exit status: 0 every case is fine; 1 some are not, were not tried or not
# run, or setup or the run failed; 77 skipped, with a line that says why: no Python 2.7 can be had.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
suite=autobahntestsuite==25.10.1
default_cases='["1.*","2.*","3.*","4.*","5.*","6.*","7.*","9.*","10.*"]'
run_limit=${AUTOBAHN_LIMIT:-1800}
setup_limit=600

usage() {
  sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2
  exit 2
}

skip() {
  echo "autobahn: skipped ($1)"
  exit 77
}

runs_python27() {
  "$1" -c 'import sys, ssl, zlib, ctypes; sys.exit(sys.version_info[:2] != (2, 7))' >/dev/null 2>&1
}

# Prints the path of a Python 2.7 that is on the machine, if there is one.
find_python27() {
  local candidate
  for candidate in "${PY27:-}" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7*/bin/python2.7 \
    "$(type -P python2.7)" "$(type -P python2)"; do
    if [ -x "$candidate" ] && runs_python27 "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

# Libraries of the unpacked packages; their names are those of versions that
# a newer Debian does not have, so they take the place of nothing.
use_unpacked_libraries() {
  if [ -d "$dir/debian/lib" ]; then
    export LD_LIBRARY_PATH="$dir/debian/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
  fi
}

# Unpacks Python 2.7 from Debian's packages to $dir/debian.
unpack_python27() {
  type -P apt-get >/dev/null && type -P dpkg-deb >/dev/null || return 1
  local apt=$dir/apt mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg signed=
  # shellcheck disable=SC2016 # apt-get expands it
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' |
    grep -v security | head -n 1) || return 1
  [ -n "$mirror" ] || return 1
  [ -r "$keyring" ] && signed="[signed-by=$keyring] "
  rm -rf "$apt" "$dir/debian"
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/debs" "$dir/debian/lib"
  echo "deb ${signed}$mirror bullseye main" >"$apt/sources.list"
  local options=(
    -o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=
    -o Acquire::Languages=none -o Acquire::Retries=2 -o Acquire::http::Timeout=20
  )
  timeout "$setup_limit" apt-get -q "${options[@]}" update >"$dir/setup.log" 2>&1 || return 1
  (
    cd "$apt/debs"
    timeout "$setup_limit" apt-get -q "${options[@]}" download \
      python2.7 python2.7-minimal libpython2.7-stdlib libpython2.7-minimal libpython2.7-dev \
      libssl1.1 libffi7
  ) >>"$dir/setup.log" 2>&1 || return 1
  local package
  for package in "$apt"/debs/*.deb; do
    dpkg-deb -x "$package" "$dir/debian" || return 1
  done
  find "$dir/debian/usr/lib" \( -name 'libssl.so.1.1' -o -name 'libcrypto.so.1.1' -o -name 'libffi.so.7*' \) \
    -exec cp -P {} "$dir/debian/lib/" \;
  rm -rf "$apt"
  use_unpacked_libraries
  runs_python27 "$dir/debian/usr/bin/python2.7"
}

setup() {
  if [ -e "$dir/ready" ]; then
    return
  fi
  mkdir -p "$dir"
  local python
  if ! python=$(find_python27); then
    unpack_python27 || skip "no Python 2.7 on this machine, and none from its package source; see $dir/setup.log"
    python=$dir/debian/usr/bin/python2.7
  fi
  echo "autobahn: setting up with $python"
  rm -rf "$dir/v3" "$dir/py27"
  # The last virtualenv that makes environments for Python 2.7.
  if ! {
    python3 -m venv "$dir/v3" &&
      timeout "$setup_limit" "$dir/v3/bin/pip" install 'virtualenv==20.21.1' &&
      "$dir/v3/bin/virtualenv" -p "$python" "$dir/py27" &&
      timeout "$setup_limit" "$dir/py27/bin/pip" install -r "$here/requirements.txt" &&
      timeout "$setup_limit" "$dir/py27/bin/pip" install --no-deps "$suite" &&
      "$dir/py27/bin/wstest" -a
  } >>"$dir/setup.log" 2>&1; then
    tail -n 15 "$dir/setup.log" >&2
    echo "autobahn: the suite cannot be installed; see $dir/setup.log" >&2
    exit 1
  fi
  # These make masking and UTF-8 checks fast; they need a compiler.
  C_INCLUDE_PATH="$dir/debian/usr/include/python2.7:$dir/debian/usr/include" \
    timeout "$setup_limit" "$dir/py27/bin/pip" install 'Cython<3' wsaccel==0.6.2 >>"$dir/setup.log" 2>&1 ||
    echo "autobahn: without wsaccel, so slower"
  touch "$dir/ready"
}

run() {
  local name=$1 url=$2 cases=${3:-$default_cases}
  local out=$dir/reports/$name
  rm -rf "$out"
  mkdir -p "$out"
  printf '{"outdir":"%s","servers":[{"agent":"%s","url":"%s"}],"cases":%s,"exclude-cases":[],"exclude-agent-cases":{}}' \
    "$out" "$name" "$url" "$cases" >"$out/spec.json"
  if ! timeout "$run_limit" "$dir/py27/bin/wstest" -m fuzzingclient -s "$out/spec.json" >"$out/log.txt" 2>&1; then
    tail -n 15 "$out/log.txt" >&2
    echo "autobahn: the fuzzing client failed or took more than $run_limit s" >&2
    exit 1
  fi
  local patterns
  mapfile -t patterns < <(python3 -c 'import json, sys; print("\n".join(json.loads(sys.argv[1])))' "$cases")
  python3 "$here/summary.py" "$out/index.json" "$name" "${patterns[@]}"
}

[ $# -ge 2 ] || usage
verb=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd)
shift 2
use_unpacked_libraries
case $verb in
setup)
  setup
  echo "autobahn: ready"
  ;;
run)
  [ $# -ge 2 ] || usage
  setup
  run "$@"
  ;;
*) usage ;;
esac
