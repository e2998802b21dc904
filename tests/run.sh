#!/usr/bin/env bash
# Runs every test of Byway, from a clean checkout, and installs what they need.
#
#   tests/run.sh            everything
#   tests/run.sh rust       only the suites that are named: lint rust settings docs fuzz node browser demo examples feeds admin backends
#                           stomp_node stomp_browser stomp_python stomp_spring api_schema proxies autobahn bench
#
# Each suite's output is kept in tests/.cache/logs. The last line counts all tests of all suites; the exit status is
# 0 only when none failed. A suite that cannot run on this machine says why, and is counted as skipped.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
cache=$root/tests/.cache
logs=$cache/logs
mkdir -p "$logs"
passed=0 failed=0 skipped=0
all=(lint rust settings docs fuzz node browser demo examples feeds admin backends stomp_node stomp_browser stomp_python stomp_spring
  api_schema proxies autobahn bench)
suites=("$@")
[ ${#suites[@]} -gt 0 ] || suites=("${all[@]}")

# among NAME NAMES...: whether it is one of them.
among() {
  local name
  for name in "${@:2}"; do
    [ "$name" != "$1" ] || return 0
  done
  return 1
}

for name in "${suites[@]}"; do
  among "$name" "${all[@]}" || {
    echo "run: there is no suite $name; expected one of: ${all[*]}" >&2
    exit 2
  }
done

# Adds up the counts that the runners print: cargo test, node:test, and the summaries of the others. What cargo test ignores is a suite
# of its own: settings.
count() {
  awk '
    /^test result:/ { passed += $4; failed += $6 }
    /^(#|ℹ) pass / { passed += $3 }
    /^(#|ℹ) (fail|cancelled) / { failed += $3 }
    /^(#|ℹ) (skipped|todo) / { skipped += $3 }
    /^(autobahn|stomp.py|spring|schemathesis): [0-9]+ cases, / { passed += $2 - $4; failed += $4 }
    END { print passed + 0, failed + 0, skipped + 0 }
  ' "$1"
}

# suite NAME COMMAND...: runs one suite, shows how it went, and adds its counts to the total.
suite() {
  local name=$1 log=$logs/$1.log status=0 counts
  shift
  echo "== $name"
  local since=$SECONDS
  "$@" >"$log" 2>&1 || status=$?
  read -r -a counts < <(count "$log")
  if [ "$status" -eq 77 ]; then
    tail -n 1 "$log"
    counts=(0 0 1)
  elif [ "$status" -ne 0 ]; then
    tail -n 80 "$log"
    [ "${counts[1]}" -gt 0 ] || counts[1]=1
  elif [ "${counts[0]}" -eq 0 ]; then
    counts[0]=1
  fi
  passed=$((passed + counts[0])) failed=$((failed + counts[1])) skipped=$((skipped + counts[2]))
  echo "   $name: ${counts[0]} passed, ${counts[1]} failed, ${counts[2]} skipped in $((SECONDS - since)) s"
}

# A suite's function is called where its failure is looked at, and there bash does not stop at a failed command by
# itself: so every step but the last is followed by && or return.
lint() {
  cargo fmt --all -- --check && cargo clippy --locked --all-targets -- -D warnings
}

rust() {
  cargo test --locked --no-fail-fast
}

# Whether each setting's test would notice if nothing read the setting; the suite of Rust's tests leaves this out.
settings() {
  cargo test --locked --test settings -- --ignored
}

docs() {
  RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
}

# A minute of libFuzzer. It needs a nightly toolchain and cargo-fuzz, and installs neither.
fuzz() {
  if ! cargo +nightly fuzz --version; then
    echo "   fuzz: skipped, as there is no nightly toolchain with cargo-fuzz"
    return 77
  fi
  mkdir -p "$cache/fuzz/stomp_decoder" &&
    cargo +nightly fuzz run --fuzz-dir tests/fuzz --target-dir "$cache/fuzz/target" stomp_decoder \
      "$cache/fuzz/stomp_decoder" -- -max_total_time=60 -timeout=10 -dict=tests/fuzz/stomp.dict
}

test_server=$root/target/debug/examples/sockjs_test_server

# The published clients of SockJS and STOMP, and the visitors of the demo page, of the examples, of feeds and of the admin page.
clients() {
  cargo build --locked --bin byway --examples || return
  BYWAY=$root/target/debug/byway BYWAY_TEST_SERVER=$test_server BYWAY_EXAMPLES=$root/target/debug/examples \
    node --test "tests/clients/$1.test.mjs"
}

# Real proxies in front of the server.
proxies() {
  local program
  for program in nginx haproxy squid privoxy varnishd lighttpd; do
    if ! PATH=$PATH:/usr/sbin type -P "$program" >/dev/null; then
      echo "   proxies: skipped, as there is no $program, and it could not be installed"
      return 77
    fi
  done
  clients proxies
}

server='' output=''

# start COMMAND...: starts a server, and waits for the address that it prints, but not for ever.
start() {
  local since=$SECONDS
  output=$(mktemp)
  "$@" >"$output" &
  server=$!
  until address=$(grep -oEm1 'http://127\.0\.0\.1:[0-9]+' "$output"); do
    if ! kill -0 "$server" || [ $((SECONDS - since)) -ge 60 ]; then
      echo "$1 has not said where it listens"
      stop
      return 1
    fi
    sleep 0.1
  done
}

# A server in the background does not hear Ctrl-C: it is stopped however this ends.
stop() {
  [ -n "$server" ] || return 0
  kill "$server" || true
  wait "$server" || true
  rm -f "$output"
  server=''
}
trap stop EXIT
trap 'exit 130' INT TERM HUP

stomp_python() {
  cargo build --locked --bin byway &&
    BYWAY=$root/target/debug/byway "$cache/python/bin/python" tests/clients/stomp_python.py
}

# Spring's clients need Java and Maven, which are not installed for them.
stomp_spring() {
  if ! type -P java mvn >/dev/null; then
    echo "   stomp_spring: skipped, as there is no Java with Maven"
    return 77
  fi
  if [ ! -f "$cache/spring/.installed" ]; then
    echo "   stomp_spring: skipped, as Spring's clients could not be installed"
    return 77
  fi
  local byway=$root/target/debug/byway config=tests/clients/stomp/byway.toml status=0 token
  cargo build --locked --bin byway && mvn -q -B -o -f tests/clients/spring/pom.xml compile || return
  token=$("$byway" token --config "$config" --subject ada) || return
  start "$byway" --config "$config" --listen 127.0.0.1:0 || return
  java -cp "$cache/spring/classes:$(<"$cache/spring/classpath")" byway.Main "$address" "$token" || status=$?
  stop
  return "$status"
}

# Requests that schemathesis makes of the API's description, and answers that it compares with that. What should be good may
# be refused all the same: a description cannot say all that is asked, such as exactly one of three fields.
api_schema() {
  local byway=$root/target/debug/byway folder=$cache/api_schema status=0 key hash
  cargo build --locked --bin byway && mkdir -p "$folder" || return
  read -r _ key _ hash < <("$byway" key | xargs) || return
  cat >"$folder/byway.toml" <<EOF
broker.history = [{ pattern = "/topic/**" }]
broker.presence = [{ pattern = "/topic/b/**" }]
[api]
failures_per_minute = 1000000
keys = [{ name = "all", hash = "$hash", allow = ["publish", "read", "disconnect", "tickets", "admin"] }]
EOF
  start "$byway" --config "$folder/byway.toml" --listen 127.0.0.1:0 || return
  (cd "$folder" && PYTHONPATH=$root/tests/clients SCHEMATHESIS_HOOKS=api_schema timeout 300 \
    "$cache/python/bin/schemathesis" run "$address/api/openapi.json" --header "Authorization: Bearer $key" \
    --seed 1 --max-examples 60 --exclude-checks positive_data_acceptance --continue-on-failure --no-color \
    --generation-database none) | tee "$folder/output" || status=$?
  stop
  # What it says at the end, as the other suites say it.
  sed -nE 's/^ *([0-9]+) generated, ([0-9]+) found.*/schemathesis: \1 cases, \2 failed/p
    s/^ *([0-9]+) generated, [0-9]+ passed.*/schemathesis: \1 cases, 0 failed/p' "$folder/output"
  return "$status"
}

# Autobahn's fuzzing client against the test server.
autobahn() {
  # First of all, that the suite can fail.
  python3 tests/autobahn/summary_test.py && cargo build --locked --example sockjs_test_server || return
  local status=0
  start "$test_server" --listen 127.0.0.1:0 || return
  tests/autobahn/run.sh run "$cache/autobahn" byway "${address/http/ws}/echo/websocket" || status=$?
  stop
  return "$status"
}

bench() {
  cargo bench --locked --bench budgets -- --quick
}

for name in proxies node browser demo examples feeds admin backends stomp_node stomp_browser stomp_python stomp_spring api_schema; do
  if among "$name" "${suites[@]}"; then
    tests/install.sh "$name"
    break
  fi
done
for name in "${suites[@]}"; do
  case $name in
    node | browser | demo | examples | feeds | admin | backends | stomp_node | stomp_browser) suite "$name" clients "$name" ;;
    *) suite "$name" "$name" ;;
  esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
