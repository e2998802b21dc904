#!/usr/bin/env bash
# Runs every test of Byway, from a clean checkout, and installs what they need.
#
#   tests/run.sh            everything
#   tests/run.sh rust       only the suites that are named: lint rust docs fuzz node browser demo examples feeds autobahn bench
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
suites=("$@")
[ ${#suites[@]} -gt 0 ] || suites=(lint rust docs fuzz node browser demo examples feeds autobahn bench)

wanted() {
  local suite
  for suite in "${suites[@]}"; do
    [ "$suite" != "$1" ] || return 0
  done
  return 1
}

# Adds up the counts that the runners print: cargo test, node:test, and Autobahn's summary.
count() {
  awk '
    /^test result:/ { passed += $4; failed += $6; skipped += $8 }
    /^(#|ℹ) pass / { passed += $3 }
    /^(#|ℹ) (fail|cancelled) / { failed += $3 }
    /^(#|ℹ) (skipped|todo) / { skipped += $3 }
    /^autobahn: [0-9]+ cases, / { passed += $2 - $4; failed += $4 }
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

# The published clients, and the visitors of the demo page, of the examples and of feeds.
clients() {
  cargo build --locked --bin byway --examples || return
  BYWAY=$root/target/debug/byway BYWAY_TEST_SERVER=$test_server BYWAY_EXAMPLES=$root/target/debug/examples \
    node --test "tests/clients/$1.test.mjs"
}

# Starts the test server, waits for the address that it prints, runs Autobahn's fuzzing client, and stops the server.
autobahn() {
  cargo build --locked --example sockjs_test_server || return
  local output status=0
  output=$(mktemp)
  "$test_server" --listen 127.0.0.1:0 >"$output" &
  local server=$!
  until grep -q '^listening on ' "$output"; do
    kill -0 "$server" || return
    sleep 0.1
  done
  local address
  address=$(sed -n 's/^listening on http/ws/p' "$output")
  tests/autobahn/run.sh run "$cache/autobahn" byway "$address/echo/websocket" || status=$?
  kill "$server"
  wait "$server" || true
  rm -f "$output"
  return "$status"
}

bench() {
  cargo bench --locked --bench budgets -- --quick
}

if wanted node || wanted browser || wanted demo || wanted examples || wanted feeds; then
  tests/install.sh
fi
for name in "${suites[@]}"; do
  case $name in
    node | browser | demo | examples | feeds) suite "$name" clients "$name" ;;
    *) suite "$name" "$name" ;;
  esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
