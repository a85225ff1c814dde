#!/bin/sh
# Leaves the programs in target/release/: installs what a build needs and this machine lacks, compiles RocksDB once.
set -eu
cd "$(dirname "$0")/.."
tools/prepare.sh build
. tools/env.sh
exec cargo build --locked --release --bins
