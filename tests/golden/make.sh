#!/usr/bin/env bash
# Makes the golden data directories that tests/upgrade.rs starts the server on.
#
#   tests/golden/make.sh BINARY OUT
#
# BINARY is a server of the release whose directories are wanted, OUT the directory for them. It leaves there
#
#   killed.tar.gz   the data directory of a server that was ended by SIGKILL: its store was never flushed after it
#                   was made, so every entry is replayed from the log
#   stopped.tar.gz  the same requests, ended by SIGTERM: the store holds everything
#   killed.jsonl, stopped.jsonl
#                   what the server answered just before its end, one request a line:
#                   {"target":TARGET,"status":STATUS,"index":X-ETCD-INDEX,"body":BODY}
#
# tests/golden/format-1 was made from a build of commit db7de580ce9c, the last one before a data directory had an identity
# file. It is never made again: it stands for the directories that operators have. A later format gets a directory
# of its own beside it, made by the last commit that writes it.
#
# The requests are the same in every run. Times are not: nodes that are meant to last have TTLs of decades, and an answer's
# `ttl`, which counts down, is not compared. The addresses that are announced are fixed, because a node that announces
# others writes them and takes an index for it; nobody listens there. Prepared segments (*.spare) hold nothing and
# are left out.
set -euo pipefail

binary=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
port=${GOLDEN_PORT:-23790}
keys=http://127.0.0.1:$port/v2/keys
decades=1576800000
scratch=$(mktemp -d)
server=

finish() {
    if [ -n "$server" ]; then kill -KILL "$server" 2>/dev/null || true; fi
    rm -rf "$scratch"
}
trap finish EXIT

start() {
    "$binary" --name=golden --data-dir="$1" \
        --listen-client-urls="http://127.0.0.1:$port" --advertise-client-urls=http://127.0.0.1:2379 \
        --listen-peer-urls="http://127.0.0.1:$((port + 1))" --initial-advertise-peer-urls=http://127.0.0.1:2380 \
        --initial-cluster=golden=http://127.0.0.1:2380 --retention-events=900 --retention-bytes=40KiB \
        >"$scratch/log" 2>&1 &
    server=$!
    for _ in $(seq 500); do
        if curl -sf "http://127.0.0.1:$port/health" >/dev/null; then return; fi
        sleep 0.02
    done
    cat "$scratch/log"
    exit 1
}

# One write; a refusal by the API is an outcome like any other, no answer is not. A range in brackets is many requests.
put() { curl -sS -o /dev/null -X PUT "$keys$1" "${@:2}"; }
post() { curl -sS -o /dev/null -X POST "$keys$1" "${@:2}"; }
delete() { curl -sS -o /dev/null -X DELETE "$keys$1"; }

# Waits until nothing stands at the path.
gone() {
    for _ in $(seq 1000); do
        if [ "$(curl -s -o /dev/null -w '%{http_code}' "$keys$1")" = 404 ]; then return; fi
        sleep 0.02
    done
    echo "$1 does not expire" >&2
    exit 1
}

files() {
    put /file -d value=first
    put /file -d value=second
    put /file -d value=third -d prevExist=true
    put /file -d value=refused -d prevExist=false
    put /file -d value=fourth -d prevValue=third
    put /file -d value=refused -d prevValue=third
    put /by-index -d value=one
    local index
    index=$(curl -s "$keys/by-index" | sed 's/.*"modifiedIndex":\([0-9]*\).*/\1/')
    put /by-index -d value=two -d prevIndex="$index"
    put /by-index -d value=refused -d prevIndex="$index"
    put /swapped -d value=x
    delete "/swapped?prevValue=y"
    delete "/swapped?prevValue=x"
    put /a/b/c/d/e -d value=deep
    put /a/b/c-d -d value=sibling
    put /a/b/c.d -d value=sibling
    put /a/b/c/d/e/f -d value=refused
    put /gone -d value=x
    delete /gone
    put /again -d value=x
    delete /again
    put /again -d value=y
    put "/many/[001-250]" -d value=of-many
    put "/many/[100-140]" -d value=twice
}

odd() {
    put /odd/bytes --data-binary 'value=%00%01%7f%80%ff%c3%28%e2%82%ac'
    put /odd/markup --data-urlencode 'value=<a href="x">&amp;\ </a>'
    put /odd/lines --data-urlencode $'value=one\ntwo\r\n\tthree\n'
    put /odd/empty -d value=
    put /odd/separators --data-binary 'value=%e2%80%a8%e2%80%a9'
    put "/odd/name%20with%20spaces" -d value=x
    put "/odd/%e2%82%ac%ff" -d value=x
    put "/odd/%01%2e%2d" -d value=x
    put /odd/long --data-urlencode "value=$(printf 'long %.0s' $(seq 600))"
}

directories() {
    put /empty -d dir=true
    put /was-file -d value=x
    put /was-file -d dir=true
    put /full/x -d value=x
    delete "/full?dir=true"
    delete /empty
    put /removed-empty -d dir=true
    delete "/removed-empty?dir=true"
    for number in 1 2 3 4 5; do post /queue -d value="job $number"; done
    delete "/queue/00000000000000000$(curl -s "$keys/queue" | sed 's/.*"key":"\/queue\/0*\([0-9]*\)".*/\1/')"
    put /_hidden/a -d value=x
    put /visible/_hidden -d value=x
    put /visible/shown -d value=x
    put "/_etcd/registry/x" -d value=x
    put "/_etcd/config" -d value=refused
    put "/large/[001-330]/x" -d value=x
    delete "/large?recursive=true"
    put /large/after -d value=x
    put "/small/[01-20]" -d value=x
    delete "/small?recursive=true"
}

# Some lapse before the end. The children of /short go as one range, and leave expiry rows without a node.
expiring() {
    put /keeps/file -d value=x -d ttl=$decades
    put /keeps/directory -d dir=true -d ttl=$decades
    put /keeps/directory/child -d value=x
    put /keeps/renewed -d value=x -d ttl=$decades
    put /keeps/renewed -d ttl=$((decades + 1000)) -d refresh=true -d prevExist=true
    put /keeps/file-without -d value=x -d ttl=$decades
    put /keeps/file-without -d value=y
    put /keeps/directory-updated -d dir=true -d ttl=$decades
    put /keeps/directory-updated -d dir=true -d ttl=$((decades + 2000)) -d prevExist=true
    put /keeps/was-short -d value=x -d ttl=3
    put /keeps/was-short -d ttl=$decades -d refresh=true -d prevExist=true
    put "/short/[001-300]" -d value=x -d ttl=3
    put /short/directory/x -d value=x -d ttl=3
    delete "/short?recursive=true"
    put /lapsed -d value=x -d ttl=2
    put /lapsing -d dir=true -d ttl=2
    put /lapsing/a/b -d value=x
    put /lapsing/own -d value=x -d ttl=$decades
    put /lapsed-last -d value=x -d ttl=4
    gone /lapsed
    gone /lapsing
    gone /lapsed-last
    put /at-once -d value=x -d ttl=0
}

requests() {
    files
    odd
    directories
    expiring
    put "/end/[01-30]" -d value=x
    put /end/last -d value=last
}

# What the server answers now, into the file.
answers() {
    local index target head
    index=$(curl -sD - -o /dev/null "$keys/" | sed -n 's/^X-Etcd-Index: \([0-9]*\).*/\1/pI')
    {
        for target in "/?recursive=true&sorted=true" / "/a?recursive=true&sorted=true" "/many?sorted=true" \
            "/_hidden?recursive=true&sorted=true" /visible /visible/_hidden "/_etcd?recursive=true&sorted=true" \
            /file /keeps/renewed /keeps/directory /odd/bytes "/odd/%e2%82%ac%ff" /large /large/001 /short /lapsing \
            /lapsed /at-once /swapped /a/b/c/d/e/f /none/of/this; do
            echo "$target"
        done
        for number in $(seq 3 25 "$index") $(seq $((index - 60)) "$index"); do
            echo "/?wait=true&recursive=true&waitIndex=$number"
        done
        echo "/keeps?wait=true&recursive=true&waitIndex=$((index - 360))"
        echo "/end/last?wait=true&waitIndex=$((index - 20))"
    } | while read -r target; do
        head=$(curl -sS --max-time 10 -g -D "$scratch/head" -o "$scratch/body" -w '%{http_code}' "$keys$target")
        printf '{"target":"/v2/keys%s","status":%s,"index":%s,"body":%s}\n' "$target" "$head" \
            "$(sed -n 's/^X-Etcd-Index: \([0-9]*\).*/\1/pI' "$scratch/head")" "$(cat "$scratch/body")"
    done >"$1"
}

# make NAME SIGNAL
make() {
    start "$scratch/$1"
    requests
    answers "$out/$1.jsonl"
    kill -"$2" "$server"
    wait "$server" 2>/dev/null || true
    server=
    find "$scratch/$1" -name '*.spare' -delete
    tar --sparse --sort=name --owner=0 --group=0 --numeric-owner -C "$scratch/$1" -cf - . | gzip -9n >"$out/$1.tar.gz"
}

make killed KILL
make stopped TERM
