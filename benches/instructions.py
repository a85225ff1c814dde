#!/usr/bin/env python3
"""How many instructions does one GET, or one PUT, cost? Builds of the server are counted by callgrind, which no noise of the machine touches.

    benches/instructions.py BUILD [BUILD …] [--requests 20000] [--connections 64] [--rounds 3] [--put] [--where]

Each build serves one key under `valgrind --tool=callgrind`; counting begins when all connections have been answered once and
ends after a fixed number of requests, which come in turn over all connections. What is printed is the median of the rounds
for each build, and its ratio to the first one. With --put they are writes of 100 bytes as a form, to that key; how they share
groups varies more than anything in a GET. With --where the functions that took most are listed for the last round. The scheduling of 64 connections still varies a little from round to round,
so the least and the largest are printed too.

valgrind does not know the system's vDSO, which the builds read the clock through. Build them for it with the C library's way:

    RUSTFLAGS='--cfg rustix_use_libc' CARGO_TARGET_DIR=target/libc cargo build --release --bin etcd

Exit status: 0 counted, 2 no result.
"""

import argparse
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

START_SECONDS = 120


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument('builds', nargs='+', type=Path, metavar='BUILD')
    asked.add_argument('--requests', type=int, default=20_000)
    asked.add_argument('--connections', type=int, default=64)
    asked.add_argument('--rounds', type=int, default=3)
    asked.add_argument('--put', action='store_true')
    asked.add_argument('--where', action='store_true')
    asked = asked.parse_args()
    if not shutil.which('valgrind'):
        sys.exit('valgrind is not installed: make setup-bench')
    figures = {build: [] for build in asked.builds}
    for _ in range(asked.rounds):
        for build in asked.builds:
            figures[build].append(counted(build, asked))
    kind = 'PUT' if asked.put else 'GET'
    first = statistics.median(figures[asked.builds[0]])
    for build, each in figures.items():
        middle = statistics.median(each)
        print(f'{build}: {middle:,.0f} instructions for each {kind} ({min(each):,.0f} to {max(each):,.0f}), '
              f'{middle / first:.4f} of the first')


def counted(build, asked):
    """Instructions for each request of one run."""
    with tempfile.TemporaryDirectory() as scratch:
        client, peer = free_ports(2)
        out = Path(scratch, 'callgrind')
        log = Path(scratch, 'log')
        server = subprocess.Popen(
            ['valgrind', '--tool=callgrind', '--instr-atstart=no', f'--callgrind-out-file={out}', build,
             '--data-dir', Path(scratch, 'data'), '--listen-client-urls', f'http://127.0.0.1:{client}',
             '--advertise-client-urls', f'http://127.0.0.1:{client}', '--listen-peer-urls', f'http://127.0.0.1:{peer}'],
            stdout=log.open('w'), stderr=subprocess.STDOUT)
        try:
            sockets = connected(server, client, asked.connections, log)
            exchange(sockets[0], b'PUT', b'/v2/keys/key?value=' + b'v' * 100)
            for one in sockets:
                exchange(one, b'GET', b'/v2/keys/key')
            switch(server, 'on')
            ask(sockets, asked.requests, asked.put)
            switch(server, 'off')
        finally:
            server.terminate()
            server.wait(START_SECONDS)
        counted = re.search(r'Collected : (\d+)', log.read_text())
        if counted is None:
            sys.exit(f'{build}: callgrind has counted nothing\n{log.read_text()[-2000:]}')
        if asked.where:
            listed = subprocess.run(['callgrind_annotate', '--show-percs=no', out], capture_output=True, text=True).stdout
            print(f'{build}:', *listed.splitlines()[:100], sep='\n')
        return int(counted.group(1)) / asked.requests


def free_ports(number):
    held = [socket.create_server(('127.0.0.1', 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def connected(server, port, number, log):
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            first = socket.create_connection(('127.0.0.1', port), timeout=START_SECONDS)
            break
        except OSError:
            if server.poll() is not None or time.monotonic() > until:
                sys.exit(f'the server does not serve\n{log.read_text()[-2000:]}')
            time.sleep(0.1)
    others = [socket.create_connection(('127.0.0.1', port), timeout=START_SECONDS) for _ in range(number - 1)]
    return [first, *others]


def switch(server, state):
    subprocess.run(['callgrind_control', '-i', state, str(server.pid)], check=True, stdout=subprocess.DEVNULL)


def ask(sockets, requests, put):
    """Keeps every connection busy, one request each at a time."""
    sent = 0
    while sent < requests:
        turn = sockets[:requests - sent]
        for one in turn:
            send(one, b'PUT' if put else b'GET', b'/v2/keys/key', b'value=' + b'v' * 100 if put else b'')
        for one in turn:
            answer(one)
        sent += len(turn)


def exchange(one, method, target):
    send(one, method, target)
    answer(one)


def send(one, method, target, form=b''):
    body = b'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n' % len(form) if form else b''
    one.sendall(method + b' ' + target + b' HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: */*\r\n' + body
                + b'\r\n' + form)


def answer(one):
    received = b''
    while b'\r\n\r\n' not in received:
        received += read(one)
    head, _, body = received.partition(b'\r\n\r\n')
    length = int(re.search(rb'(?i)content-length: (\d+)', head).group(1))
    while len(body) < length:
        body += read(one)
    if not re.match(rb'HTTP/1.1 20[01] ', head):
        sys.exit(f'a request failed: {head!r}')


def read(one):
    data = one.recv(1 << 16)
    if not data:
        sys.exit('the server closed a connection')
    return data


if __name__ == '__main__':
    try:
        main()
    except (OSError, subprocess.SubprocessError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
