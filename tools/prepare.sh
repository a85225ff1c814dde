#!/bin/sh
# What comes before cargo: packages that are missing, the Python environment of the tests, RocksDB.
#
#   usage: prepare.sh build|test|bench
set -eu
cd "$(dirname "$0")/.."
tools/setup.sh "$1"
. tools/env.sh
if [ "$1" = test ]; then
    tools/python-venv.sh >/dev/null
fi
tools/build-rocksdb.sh "$ROCKSDB_LIB_DIR"
