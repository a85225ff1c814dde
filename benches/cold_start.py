#!/usr/bin/env python3
"""What a script pays for one `etcdctl`: from exec to exit on loopback, this repository's client beside Debian's.

    benches/cold_start.py [--runs 500] [--listings 10] [--keys 100000] [--server ours|debian]

Both clients ask the same server for the same key, alternating, so that a machine that drifts drifts for both. Medians
count: a mean would tell of the few runs that something else interrupted. Without --no-sync every get is two requests,
as it is for users. The last rows list a whole tree, which `etcdctl import` has filled.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import Failed
from server import Server

TOP = Path(__file__).resolve().parent.parent
DEBIAN_CLIENT = '/usr/bin/etcdctl'
DEBIAN_SERVER = '/usr/bin/etcd'
KEY, VALUE = '/cold/start', 'value'
WARM_UP_RUNS = 5


def program(name):
    target = Path(os.environ.get('CARGO_TARGET_DIR', TOP / 'target'))
    path = target / 'release' / name
    if not path.is_file():
        raise Failed('%s is missing: `make build` makes it' % path)
    return str(path)


def run(client, arguments, environment):
    """Seconds from exec to exit of one command, which must print the value."""
    began = time.perf_counter()
    done = subprocess.run([client] + arguments, env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, close_fds=False)
    took = time.perf_counter() - began
    if done.returncode != 0 or done.stdout.decode().strip() != VALUE:
        raise Failed('%s %s: %d %s' % (client, ' '.join(arguments), done.returncode, done.stderr.decode()))
    return took


def measure(clients, environment, runs, options):
    times = {name: [] for name in clients}
    order = list(clients)
    for number in range(runs + WARM_UP_RUNS):
        # Each goes first in half of the turns.
        order.reverse()
        for name in order:
            took = run(clients[name], options + ['get', KEY], environment)
            if number >= WARM_UP_RUNS:
                times[name].append(took)
    return times


def fill(client, keys, directory, environment):
    """Writes that many keys of 100 bytes, 1,000 to a directory."""
    image = directory / 'keys.json'
    entries = [{'key': '/big/d%d/key-%d' % (number // 1000, number), 'value': 'v' * 100} for number in range(keys)]
    image.write_text(json.dumps(entries))
    done = subprocess.run([client, 'import', '--snap', str(image), '--concurrency', '50'], env=environment,
                          stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode != 0:
        raise Failed('import: %d %s' % (done.returncode, done.stderr.decode()[-500:]))


def list_all(client, environment):
    """Seconds from exec to exit of one `ls -r /`."""
    arguments = [client, '--timeout', '60s', '--total-timeout', '60s', 'ls', '-r', '/']
    began = time.perf_counter()
    done = subprocess.run(arguments, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    took = time.perf_counter() - began
    if done.returncode != 0 or not done.stdout:
        raise Failed('%s: %d, %d bytes' % (' '.join(arguments), done.returncode, len(done.stdout)))
    return took


def listings(clients, environment, runs):
    times = {name: [] for name in clients}
    for _ in range(runs):
        for name, client in clients.items():
            times[name].append(list_all(client, environment))
    return times


def report(title, times):
    medians = {name: statistics.median(values) * 1000 for name, values in times.items()}
    for name, values in times.items():
        low, high = (value * 1000 for value in statistics.quantiles(values, n=20)[::18])
        print('%-22s %-7s %7.2f ms   (9 of 10 between %.2f and %.2f)' % (title, name, medians[name], low, high))
    print('%-22s debian / ours = %.2f' % (title, medians['debian'] / medians['ours']))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--runs', type=int, default=500, help='gets per client and row (default: %(default)s)')
    parser.add_argument('--listings', type=int, default=10, help='listings per client (default: %(default)s)')
    parser.add_argument('--keys', type=int, default=100000, help='keys in the listing (default: %(default)s)')
    parser.add_argument('--server', choices=['ours', 'debian'], default='ours', help='whom both ask')
    wanted = parser.parse_args()
    if wanted.runs < 10:
        parser.error('a median of fewer than 10 runs says nothing')
    if wanted.listings < 2 or wanted.keys < 1:
        parser.error('at least two listings of at least one key')
    if not Path(DEBIAN_CLIENT).is_file():
        raise Failed('%s is missing: `make setup-bench` installs it' % DEBIAN_CLIENT)
    clients = {'ours': program('etcdctl'), 'debian': DEBIAN_CLIENT}
    command = [program('etcd')] if wanted.server == 'ours' else [DEBIAN_SERVER, '--enable-v2']
    with tempfile.TemporaryDirectory(prefix='cold-start-') as directory:
        server = Server(wanted.server, command, Path(directory))
        environment = {'PATH': os.environ['PATH'], 'ETCDCTL_API': '2', 'ETCDCTL_ENDPOINTS': server.url, 'NO_PROXY': '*'}
        try:
            server.start()
            run(clients['ours'], ['set', KEY, VALUE], environment)
            report('get', measure(clients, environment, wanted.runs, []))
            report('get --no-sync', measure(clients, environment, wanted.runs, ['--no-sync']))
            fill(clients['ours'], wanted.keys, Path(directory), environment)
            report('ls -r, %d keys' % wanted.keys, listings(clients, environment, wanted.listings))
            for name, client in clients.items():
                print('%-22s %-7s %7.1f MB' % ('size of the program', name, os.path.getsize(client) / 1e6))
        finally:
            server.kill()


if __name__ == '__main__':
    try:
        main()
    except Failed as error:
        sys.exit('cold_start: %s' % error)
