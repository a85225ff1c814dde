#!/usr/bin/env bash
# Builds librocksdb.a once per machine, for the librocksdb-sys that Cargo.lock pins.
#
#   usage: build-rocksdb.sh OUT_DIR
#
# The crate's own build compiles 343 files one by one (about 2,200 CPU seconds); concatenating them into a few
# translation units costs a fifth of that. Upstream supports unity builds. The headers come from the crate, so the
# bindings and the library cannot drift apart; a stamp names the sys-crate version, the compiler and this recipe, and
# the script returns at once when it matches. Environment: JOBS (parallel compilers), CHUNKS (translation units).
set -euo pipefail

recipe=v1
out=${1:?usage: build-rocksdb.sh OUT_DIR}
chunks=${CHUNKS:-4}
cxx=${CXX:-g++}
# A unit takes the compiler about 2.2 GiB: on a small machine, fewer at a time rather than none at all.
fitting=$(awk '/^MemAvailable:/ { n = int($2 / (2.5 * 1024 * 1024)); print n < 1 ? 1 : n }' /proc/meminfo)
cores=$(nproc)
jobs=${JOBS:-$((fitting < cores ? fitting : cores))}

cd "$(dirname "$0")/.."
host=$(rustc -vV | sed -n 's/^host: //p')
manifest=$(cargo metadata --locked --format-version 1 --filter-platform "$host" |
    tr '{' '\n' | sed -n 's/.*"manifest_path":"\([^"]*librocksdb-sys-[^"]*\)".*/\1/p' | head -n 1)
[ -n "$manifest" ] || { echo "build-rocksdb: librocksdb-sys is not among the dependencies" >&2; exit 1; }
src=$(dirname "$manifest")

stamp="$(basename "$src") $cxx $($cxx -dumpfullversion) $(uname -m) $recipe"
if [ -f "$out/librocksdb.a" ] && [ "$(cat "$out/stamp" 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi

mkdir -p "$out"
exec 9>"$out/lock"
flock 9 # a second build of the same cache waits, and then finds the work done
if [ -f "$out/librocksdb.a" ] && [ "$(cat "$out/stamp" 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
echo "build-rocksdb: compiling RocksDB from $(basename "$src") with $jobs jobs (once per machine, some minutes)" >&2

# Spread the sources over the units by size, in the crate's order.
grep -v 'util/build_version.cc' "$src/rocksdb_lib_sources.txt" | awk NF |
    while read -r file; do echo "$(stat -c %s "$src/rocksdb/$file") $file"; done |
    awk -v n="$chunks" -v dir="$tmp" '
        { size[NR] = $1; name[NR] = $2; total += $1 }
        END {
            for (i = 1; i <= NR; i++) {
                unit = int(done * n / total); if (unit >= n) unit = n - 1
                print "#include \"" name[i] "\"" > (dir "/unit" unit ".cc")
                done += size[i]
            }
        }'
echo '#include "build_version.cc"' >>"$tmp/unit$((chunks - 1)).cc"

flags="-O2 -fPIC -std=c++20 -w -include cstdint -ffunction-sections -fdata-sections -DNDEBUG=1
    -DHAVE_ALIGNED_NEW -DHAVE_UINT128_EXTENSION -DOS_LINUX -DROCKSDB_PLATFORM_POSIX -DROCKSDB_LIB_IO_POSIX
    -DROCKSDB_SCHED_GETCPU_PRESENT -DROCKSDB_AUXV_GETAUXVAL_PRESENT -DROCKSDB_FALLOCATE_PRESENT
    -DROCKSDB_RANGESYNC_PRESENT"
[ "$(uname -m)" = x86_64 ] && flags="$flags -msse4.2 -mpclmul" # any x86-64 since 2009: CRC in hardware
export flags src tmp cxx
seq 0 $((chunks - 1)) | xargs -P "$jobs" -I{} sh -c \
    '$cxx $flags -I"$src/rocksdb/include" -I"$src/rocksdb" -I"$src" -c "$tmp/unit{}.cc" -o "$tmp/unit{}.o"'

ar crs "$tmp/librocksdb.a" "$tmp"/unit*.o
mv "$tmp/librocksdb.a" "$out/librocksdb.a.new"
mv "$out/librocksdb.a.new" "$out/librocksdb.a"
echo "$stamp" >"$out/stamp"
