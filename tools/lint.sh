#!/bin/sh
# Formatting, clippy and documentation, every warning denied. Changes no file; what is cheap comes first.
set -eu
cd "$(dirname "$0")/.."
. tools/env.sh
# A toolchain may come without the two; whoever has rustup gets them.
for tool in fmt clippy; do
    if ! cargo "$tool" --version >/dev/null 2>&1; then
        component=$(echo "$tool" | sed 's/^fmt$/rustfmt/')
        if ! rustup component add "$component"; then
            echo "lint: NOT CHECKED: this toolchain has no cargo $tool; have $component installed and run again" >&2
        fi
    fi
done
if cargo fmt --version >/dev/null 2>&1; then
    cargo fmt --all --check
fi
if cargo clippy --version >/dev/null 2>&1; then
    cargo clippy --locked --workspace --all-targets -- -D warnings
fi
# Dependencies are checked by now, and documentation needs them no further.
# Rooms that no other crate may enter are read here too; they may link to each other.
RUSTDOCFLAGS='-D warnings -A rustdoc::private_intra_doc_links' \
    cargo doc --locked --workspace --no-deps --lib --document-private-items
