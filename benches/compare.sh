#!/usr/bin/env bash
# Runs this repository's server and Debian's etcd 3.4 in turn on the same disk and prints one table of figures.
# See `benches/compare.sh --help`; everything is done by compare.py, this only says what is missing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
for tool in python3 wrk /usr/bin/etcd; do
  if ! command -v "$tool" >/dev/null; then
    echo "compare: $tool is not installed; 'make bench' installs it (Debian: python3, wrk, etcd-server)" >&2
    exit 1
  fi
done
exec python3 "$here/compare.py" "$@"
