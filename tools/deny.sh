#!/bin/sh
# cargo-deny over deny.toml, without the network, where this machine has it: bans, licences and sources, and advisories
# from a database that somebody has fetched (`cargo deny fetch db`). tests/house/dependencies.rs holds the first three
# everywhere.
set -eu
cd "$(dirname "$0")/.."
. tools/env.sh
if ! cargo deny --version >/dev/null 2>&1; then
    echo 'deny: no cargo-deny here; the tests apply bans, licences and sources, and nobody asks for advisories'
    exit 0
fi
cargo deny --offline --locked check bans licenses sources
set -- "${CARGO_HOME:-$HOME/.cargo}"/advisory-dbs/*
if [ -e "$1" ]; then
    cargo deny --offline --locked check advisories
else
    echo 'deny: no database of advisories here (cargo deny fetch db); they are skipped'
fi
