# Sourced, not run: the environment every cargo command of this repository needs.
#
# Cargo.toml stays portable, so a plain `cargo build` works as well; it then compiles RocksDB file by file, once for
# each profile. These variables point every profile at the library that tools/build-rocksdb.sh builds once.

# rustup puts cargo here and leaves it to the login shell to say so; make is not always started from one.
if ! command -v cargo >/dev/null 2>&1 && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
    export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
fi

# libclang alone, without clang's own headers, does not find stddef.h and stdarg.h: gcc's will do.
if [ -z "${BINDGEN_EXTRA_CLANG_ARGS:-}" ] && command -v gcc >/dev/null 2>&1; then
    BINDGEN_EXTRA_CLANG_ARGS="-I$(gcc -print-file-name=include)"
    export BINDGEN_EXTRA_CLANG_ARGS
fi

if [ -z "${ROCKSDB_LIB_DIR:-}" ]; then
    export ROCKSDB_LIB_DIR="${XDG_CACHE_HOME:-$HOME/.cache}/rocksdb-unity"
    export ROCKSDB_STATIC=1
fi

# prost-build 0.11 (under the raft crate) stops without a protoc. One is carried inside the protobuf-build crate.
if [ -z "${PROTOC:-}" ] && ! command -v protoc >/dev/null 2>&1; then
    for protoc in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/protobuf-build-0.14*/bin/protoc-linux-x86_64; do
        if [ -x "$protoc" ] && [ "$(uname -m)" = x86_64 ]; then
            export PROTOC="$protoc"
        fi
    done
    unset protoc
fi
