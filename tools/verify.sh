#!/bin/sh
# The one check: formatting, clippy, documentation, dependencies, and every test with the fuzz campaigns among them.
# Changes no file of the repository, and installs what it needs and this machine lacks. Under 30 minutes on two cores from nothing.
set -eu
cd "$(dirname "$0")/.."
started=$(date +%s)
tools/prepare.sh test
tools/lint.sh
tools/deny.sh
status=0
tools/test.sh || status=$?
echo "verify: $((($(date +%s) - started) / 60)) min, status $status"
exit "$status"
