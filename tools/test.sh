#!/usr/bin/env bash
# Runs every test of the workspace and closes with one line that counts them all.
#
#   usage: test.sh [arguments for cargo test]
#
# cargo test reports each program by itself, thirty times over; an operator wants the sum, and the names that failed.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/env.sh

# Most tests wait for processes, disks and clocks rather than compute.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$((2 * $(nproc)))}

log=${CARGO_TARGET_DIR:-target}/test.log
mkdir -p "$(dirname "$log")"
status=0
cargo test --locked --workspace --no-fail-fast "$@" 2>&1 | tee "$log" || status=$?

awk '
    /^test result:/ {
        for (i = 2; i <= NF; i++) {
            if ($i ~ /^passed/) passed += $(i - 1)
            if ($i ~ /^failed/) failed += $(i - 1)
        }
    }
    /^test .* FAILED$/ { names[++n] = $2 }
    match($0, /not run: .*/) { lacking[++m] = substr($0, RSTART) }
    END {
        for (i = 1; i <= m; i++) print lacking[i]
        for (i = 1; i <= n; i++) print "failed: " names[i]
        printf "%d passed, %d failed\n", passed, failed
        exit passed == 0 # nothing ran: that is no success
    }' "$log" || status=1
exit "$status"
