#!/bin/sh
# Builds what is needed and serves 127.0.0.1:2379 and 127.0.0.1:4001 until Ctrl-C.
#
#   usage: run.sh [options of etcd]      DATA_DIR is where the data goes (var/default.etcd)
set -eu
cd "$(dirname "$0")/.."
tools/build.sh
data=${DATA_DIR:-var/default.etcd}
mkdir -p "$(dirname "$data")"
exec "${CARGO_TARGET_DIR:-target}/release/etcd" --data-dir "$data" "$@"
