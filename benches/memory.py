#!/usr/bin/env python3
"""What memory comes back after a burst? Builds of the server are compared, one after the other.

    benches/memory.py BUILD [BUILD …] [--seconds 10] [--quiet 20] [--writers 64] [--bytes 1400000]

Each build gets a burst of writers with large values, each its own key, then listings of all of them, and is then left alone.
Printed is its resident memory before, at the highest (VmHWM), and after the quiet time, in MiB, with the number of writes.
With --minutes N a mixed load of small and large writes, reads and listings runs for so long instead, and the resident
memory is printed once a minute.

Exit status: 0 measured, 2 no result.
"""

import argparse
import http.client
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

from machine import Failed
from server import Server


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument('builds', nargs='+', type=Path, metavar='BUILD')
    for name, default in (('seconds', 10), ('quiet', 20), ('writers', 64), ('bytes', 1_400_000), ('minutes', 0), ('seed', 1)):
        asked.add_argument('--' + name, type=int, default=default)
    asked = asked.parse_args()
    for build in asked.builds:
        with tempfile.TemporaryDirectory() as scratch, Server(build.name, [str(build)], Path(scratch)) as server:
            server.start()
            if asked.minutes:
                mixed(server, asked)
            else:
                burst(server, asked)


def burst(server, asked):
    before = resident(server, 'VmRSS')
    writes = sum(at_once(server, asked.writers, lambda number: large_writes(server, number, asked)))
    at_once(server, 4, lambda _: listing(server))
    time.sleep(asked.quiet)
    print(f'{server.name}: {before:.0f} MiB before, {resident(server, "VmHWM"):.0f} at the highest, '
          f'{resident(server, "VmRSS"):.0f} after {asked.quiet} s, {writes} writes of {asked.bytes} bytes', flush=True)


def large_writes(server, number, asked):
    until, done = time.monotonic() + asked.seconds, 0
    connection = http.client.HTTPConnection('127.0.0.1', server.port, timeout=60)
    form = 'value=' + 'v' * asked.bytes
    while time.monotonic() < until:
        request(connection, 'PUT', f'/v2/keys/burst/{number}', form)
        done += 1
    return done


def mixed(server, asked):
    until = time.monotonic() + asked.minutes * 60
    print(f'{server.name}: resident MiB each minute, seed {asked.seed}:', end='', flush=True)
    threads = [threading.Thread(target=mixture, args=(server, until, random.Random(asked.seed * 1000 + number)))
               for number in range(8)]
    for thread in threads:
        thread.start()
    for minute in range(asked.minutes):
        time.sleep(max(0, until - 60 * (asked.minutes - 1 - minute) - time.monotonic()))
        print(f' {resident(server, "VmRSS"):.0f}', end='', flush=True)
    for thread in threads:
        thread.join()
    print(f'; {resident(server, "VmHWM"):.0f} at the highest', flush=True)


def mixture(server, until, chance):
    connection = http.client.HTTPConnection('127.0.0.1', server.port, timeout=60)
    while time.monotonic() < until:
        kind, key = chance.random(), f'/v2/keys/mixed/{chance.randrange(50)}/{chance.randrange(200)}'
        if kind < 0.6:
            request(connection, 'PUT', key, 'value=' + 'v' * chance.randrange(1, 2000))
        elif kind < 0.62:
            request(connection, 'PUT', f'/v2/keys/large/{chance.randrange(20)}', 'ttl=5&value=' + 'v' * chance.randrange(1_400_000))
        elif kind < 0.95:
            request(connection, 'GET', key)
        elif kind < 0.96:
            request(connection, 'GET', '/v2/keys/mixed?recursive=true')
        else:
            request(connection, 'DELETE', key)


def listing(server):
    request(http.client.HTTPConnection('127.0.0.1', server.port, timeout=60), 'GET', '/v2/keys/burst')


def at_once(server, number, work):
    results, errors = [], []

    def run(one):
        try:
            results.append(work(one) or 0)
        except (OSError, Failed, http.client.HTTPException) as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise Failed(f'{server.name}: {errors[0]}\n{server.log_tail()}')
    return results


def request(connection, method, target, form=None):
    headers = {'Content-Type': 'application/x-www-form-urlencoded'} if form else {}
    connection.request(method, target, form, headers)
    answer = connection.getresponse()
    while answer.read(1 << 16):
        pass
    # A key that another thread has removed is no failure.
    if answer.status >= 500:
        raise Failed(f'{method} {target}: {answer.status}')


def resident(server, field):
    status = Path(f'/proc/{server.process.pid}/status').read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith(field + ':'))


if __name__ == '__main__':
    try:
        main()
    except (OSError, Failed) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
