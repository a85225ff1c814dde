#!/usr/bin/env bash
# Makes the Python environment of the client tests once, and prints the path of its interpreter.
#
# usage: tools/python-venv.sh
#
# The environment lives in ${XDG_CACHE_HOME:-$HOME/.cache}/etcd2-clients/<digest>; the digest covers the pinned
# packages and the interpreter, so a change of either makes a new one. PYTHON names another interpreter than python3.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
requirements=$here/tests/clients/requirements.txt
python=${PYTHON:-python3}

if ! command -v "$python" >/dev/null; then
  echo "python-venv: $python is not installed; 'make test' installs it (Debian: apt-get install python3 python3-venv)" >&2
  exit 1
fi
# /usr/bin/python3 and a pyenv python may share a version but not their standard library: tell them apart by prefix.
interpreter=$("$python" -c 'import sys; print(sys.version, sys.base_prefix)')
digest=$({ echo "$interpreter"; cat "$requirements"; } | sha256sum | cut -c1-16)
root=${XDG_CACHE_HOME:-$HOME/.cache}/etcd2-clients
venv=$root/$digest

mkdir -p "$root"
# Two test programs may start at once: the second waits for the first to finish building.
exec 9>"$root/lock"
flock 9
if [ ! -f "$venv/complete" ]; then
  rm -rf "$venv"
  if ! "$python" -m venv "$venv" >&2; then
    rm -rf "$venv"
    echo "python-venv: $python cannot create a virtual environment; tools/setup.sh installs what is missing (Debian: apt-get install python3-venv)" >&2
    exit 1
  fi
  if ! "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements" >&2; then
    rm -rf "$venv"
    echo "python-venv: pip could not install $requirements" >&2
    exit 1
  fi
  touch "$venv/complete"
fi
echo "$venv/bin/python"
