#!/bin/sh
# Every fuzz campaign for some seconds, from a new seed, which a failure prints.
#
#   usage: fuzz.sh [words for cargo test, such as -p wal]      FUZZ_SECONDS (10), FUZZ_SEED (a new one)
set -eu
cd "$(dirname "$0")/.."
. tools/env.sh
FUZZ_SECONDS=${FUZZ_SECONDS:-10}
FUZZ_SEED=${FUZZ_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
export FUZZ_SECONDS FUZZ_SEED
echo "fuzz: FUZZ_SEED=$FUZZ_SEED FUZZ_SECONDS=$FUZZ_SECONDS"
[ $# -gt 0 ] || set -- --workspace
exec cargo test --locked --lib --bins "$@" -- fuzz mutated
