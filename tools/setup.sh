#!/usr/bin/env bash
# Installs what this repository needs and the machine lacks, on Debian and Ubuntu.
#
#   usage: setup.sh [build|test|bench]...     (build when nothing is named; test and bench include it)
#
# It asks for capabilities, not for packages: a compiler or a Python that came from elsewhere is as good as Debian's.
# When nothing is missing it prints nothing, asks no mirror and returns at once. sudo is used only when not root.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=()   # what to install
reasons=()    # what was missing, for the operator
want_libclang=false

need() { # need CAPABILITY PACKAGE...
    reasons+=("$1")
    shift
    packages+=("$@")
}

has() { command -v "$1" >/dev/null 2>&1; }

# The names bindgen looks for. libclang-cpp is another library, and no use to it.
has_libclang() {
    local dir
    for dir in "${LIBCLANG_PATH:-}" /usr/lib/llvm-*/lib /usr/lib/*-linux-gnu /usr/lib /usr/lib64 /usr/local/lib; do
        if [ -n "$dir" ] && compgen -G "$dir/libclang.so*" >/dev/null; then return 0; fi
        if [ -n "$dir" ] && compgen -G "$dir/libclang-[0-9]*.so*" >/dev/null; then return 0; fi
    done
    return 1
}

look_for_build() {
    has g++ || need "a C++ compiler" g++
    has cc || need "a linker" gcc
    # Nothing of ours: the allocator's library is built with it.
    has make || need "make" make
    has protoc || need "protoc" protobuf-compiler
    has flock || need "flock" util-linux
    [ -e /etc/ssl/certs/ca-certificates.crt ] || need "certificate authorities" ca-certificates
    has_libclang || { want_libclang=true; reasons+=("libclang"); }
}

look_for_test() {
    has etcd || need "the reference server" etcd-server
    has etcdctl || need "the reference client" etcd-client
    has curl || need "curl" curl
    python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || need "Python with venv" python3 python3-venv
}

look_for_bench() {
    look_for_test
    has wrk || need "a load generator" wrk
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 "$@"
}

# The libclang of the distribution's default LLVM. The run-time library is enough (libclang-dev is four times the size).
libclang_package() {
    local version name
    version=$(apt-cache depends libclang-dev 2>/dev/null |
        sed -n 's/.*Depends: libclang-\([0-9][0-9]*\)-dev.*/\1/p' | head -n 1)
    for name in "libclang1-$version" "libclang1-${version}t64"; do
        if [ -n "$version" ] && apt-cache show "$name" >/dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
    echo libclang-dev
}

# Debian's etcd-server starts a service as soon as it is unpacked and again at every boot. The tests start their own
# processes; a server left on port 2379 would only answer in place of the one the operator meant.
guarded_install() {
    local policy=/usr/sbin/policy-rc.d unit=/etc/systemd/system/etcd.service ours=false
    if [[ " $* " != *" etcd-server "* ]]; then
        apt install -y --no-install-recommends "$@"
        return
    fi
    if [ ! -e "$policy" ]; then
        ours=true
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
        trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    if [ ! -e "$unit" ] && [ ! -L "$unit" ]; then
        as_root mkdir -p "$(dirname "$unit")"
        as_root ln -s /dev/null "$unit"
        echo "setup: masked etcd.service, so that the package leaves no server running (undo: systemctl unmask etcd)"
    fi
    apt install -y --no-install-recommends "$@"
    if $ours; then
        as_root rm -f "$policy"
        trap - EXIT
    fi
    as_root update-rc.d etcd disable >/dev/null 2>&1 || true # where init scripts rule, and not systemd
}

for purpose in "${@:-build}"; do
    case $purpose in
    build) ;;
    test) look_for_test ;;
    bench) look_for_bench ;;
    *) echo "setup: unknown purpose '$purpose' (build, test, bench)" >&2; exit 2 ;;
    esac
done
look_for_build

if ! has cargo && [ ! -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
    echo "setup: no cargo in PATH or in ${CARGO_HOME:-$HOME/.cargo}/bin: install a Rust toolchain (1.90 or newer) first" >&2
    exit 1
fi
if [ ${#reasons[@]} -eq 0 ]; then
    exit 0
fi

missing=$(printf '%s, ' "${reasons[@]}")
missing=${missing%, }
hint="${packages[*]}$($want_libclang && echo ' libclang-dev' || true)"
if ! has apt-get; then
    echo "setup: missing: $missing. This system has no apt-get: install what Debian calls ${hint# } and run again" >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ] && ! has sudo; then
    echo "setup: missing: $missing. Neither root nor sudo: have an administrator run: apt-get install ${hint# }" >&2
    exit 1
fi

echo "setup: missing: $missing"
apt update || echo "setup: the package lists could not all be refreshed; going on with the old ones" >&2
if $want_libclang; then
    packages+=("$(libclang_package)")
fi
# One package may answer two needs.
mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)
echo "setup: installing ${packages[*]}"
guarded_install "${packages[@]}"
echo "setup: done"
