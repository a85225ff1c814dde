#!/usr/bin/env python3
"""What do others pay while one client makes the deepest keys it may? Builds of the server are compared in turn.

    benches/deep.py BUILD [BUILD …] [--seconds 3] [--rounds 5] [--product 65536]

A client in a closed loop writes small keys and its times are taken: alone, beside a second client of its own kind, and
beside one whose every request creates a new key with all its directories, of such a length that names times (bytes +
256), the server's own count of what a key costs, is --product. Four forms of such a key are tried, from few long names
to many short ones. Printed are the median over the rounds of the writer's p50, for each company, and its ratio to the
p50 alone.

Exit status: 0 measured, 2 no result.
"""

import argparse
import http.client
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from machine import Failed
from server import Server

# The least of a key with n names is 2n bytes: a slash and a letter each.
NAMES = (4, 16, 64, 120)


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument('builds', nargs='+', type=Path, metavar='BUILD')
    for name, default in (('seconds', 3), ('rounds', 5), ('product', 64 << 10)):
        asked.add_argument('--' + name, type=int, default=default)
    asked = asked.parse_args()
    commands = {build.name: [str(build)] for build in asked.builds}
    company = {'alone': None, 'one more': small}
    company |= {f'{names} names': deep(names, asked.product // names - 256) for names in NAMES}
    results = {(build, kind): [] for build in commands for kind in company}
    for _ in range(asked.rounds):
        for build, command in commands.items():
            with tempfile.TemporaryDirectory() as scratch, Server(build, command, Path(scratch)) as server:
                server.start()
                for kind, target in company.items():
                    results[build, kind].append(beside(server, target, asked.seconds))
    for build in commands:
        alone = statistics.median(results[build, 'alone'])
        for kind in company:
            times = results[build, kind]
            middle = statistics.median(times)
            print(f'{build}: {kind:>10}: p50 {middle * 1e3:.3f} ms ({min(times) * 1e3:.3f} to {max(times) * 1e3:.3f}), '
                  f'{middle / alone:.2f} of alone')


def small(number):
    return f'/v2/keys/company/{number % 1000}'


def deep(names, length):
    """Targets whose names differ from the second on, so that each request makes all but the topmost directory."""
    def target(number):
        first = f'{number:07}'
        rest = max(1, (length - names - len(first)) // (names - 1))
        return '/v2/keys/' + '/'.join([first] + ['n' * rest] * (names - 1))
    return target


def beside(server, target, seconds):
    """The p50 of a writer of small keys, in seconds."""
    until, failed = time.monotonic() + seconds, []
    other = threading.Thread(target=company, args=(server, target, until, failed)) if target else None
    if other:
        other.start()
    times, connection, number = [], http.client.HTTPConnection('127.0.0.1', server.port, timeout=60), 0
    while time.monotonic() < until:
        began = time.monotonic()
        put(connection, f'/v2/keys/measured/{number % 1000}')
        times.append(time.monotonic() - began)
        number += 1
    if other:
        other.join()
    if failed:
        raise failed[0]
    return statistics.median(times)


def company(server, target, until, failed):
    connection, number = http.client.HTTPConnection('127.0.0.1', server.port, timeout=60), time.monotonic_ns() // 1000 % 10**7
    try:
        while time.monotonic() < until:
            put(connection, target(number))
            number += 1
    except (OSError, Failed) as error:
        failed.append(error)


def put(connection, target):
    connection.request('PUT', target, 'value=v', {'Content-Type': 'application/x-www-form-urlencoded'})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status >= 300:
        raise Failed(f'PUT of a key of {len(target)} bytes: {answer.status} {body[:200]}')


if __name__ == '__main__':
    try:
        main()
    except (OSError, Failed) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
