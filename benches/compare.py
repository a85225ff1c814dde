"""Figures of this server beside Debian's etcd 3.4 on the same machine and disk, ready for the README.

Both run in turn, in alternating order, over several rounds; the table shows medians. Load comes from wrk with one
thread, so on two cores it leaves one to the server under test. Both synchronise every write to disk before they answer.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from load import FIRST_KEY, HERE, listing, load, rate
from machine import Failed, machine
from server import Measured, Server

# name: (what it says, unit, True when more is better)
ROWS = {
    'put1': ('PUT, 1 connection', '/s', True),
    'put64': ('PUT, 64 connections', '/s', True),
    'put256': ('PUT, 256 connections', '/s', True),
    'get64': ('GET, 64 connections', '/s', True),
    'list': ('recursive listing of all keys', 's', False),
    'listmemory': ('memory taken by that listing', 'MiB', False),
    'memory': ('resident memory with all keys', 'MiB', False),
    'restart': ('kill -9 to first served read', 's', False),
}
NEEDS_KEYS = {'get64', 'list', 'listmemory', 'memory', 'restart'}


def list_rows(server, options):
    before = server.memory_mib('VmRSS')
    server.reset_peak()
    with Measured(server) as measured:
        seconds, files = listing(server)
    if files != options.keys:
        raise Failed('%s lists %d of %d keys' % (server.name, files, options.keys))
    row = {'value': seconds, 'cpu_us': measured.cpu / files * 1e6, 'steal': measured.steal}
    return row, {'value': max(0.0, server.memory_mib('VmHWM') - before)}


def restart_row(server):
    server.kill()
    with Measured(server) as measured:
        seconds = server.start(FIRST_KEY)
    return {'value': seconds, 'steal': measured.steal}


def measure(server, options, seed, rows):
    """All wanted rows for one server from an empty directory."""
    results = {}
    server.start()
    for name in ('put1', 'put64', 'put256'):
        if name in rows:
            results[name] = rate(server, 'put.lua', int(name[3:]), options, seed)
    if NEEDS_KEYS & rows:
        load(server, options.keys)
    if 'memory' in rows:
        results['memory'] = {'value': server.memory_mib('VmRSS')}
    if 'get64' in rows:
        results['get64'] = rate(server, 'get.lua', 64, options, seed)
    if {'list', 'listmemory'} & rows:
        results['list'], results['listmemory'] = list_rows(server, options)
    if 'restart' in rows:
        results['restart'] = restart_row(server)
    return results


def show(value):
    if value >= 1000:
        return '{:,.0f}'.format(value)
    return '%.0f' % value if value >= 100 else '%.1f' % value if value >= 10 else '%.3f' % value


def median(results, row, field):
    found = [result[row][field] for result in results if row in result and field in result[row]]
    return statistics.median(found) if found else None


def table(results, rows, version):
    lines = ['| | this server | etcd %s | ratio | CPU per operation, µs | steal, %% |' % version,
             '|---|---:|---:|---:|---:|---:|']
    for row, (text, unit, more_is_better) in ROWS.items():
        if row not in rows:
            continue
        ours, theirs = (median(results[name], row, 'value') for name in ('ours', 'etcd'))
        ratio = (ours / theirs if more_is_better else theirs / ours) if ours and theirs else None
        cpu = [median(results[name], row, 'cpu_us') for name in ('ours', 'etcd')]
        steal = [median(results[name], row, 'steal') for name in ('ours', 'etcd')]
        lines.append('| %s | %s %s | %s %s | %s | %s | %s |' % (
            text, show(ours), unit, show(theirs), unit, '%.2f' % ratio if ratio else '–',
            '%.1f / %.1f' % tuple(cpu) if None not in cpu else '–',
            '%.1f / %.1f' % tuple(steal) if None not in steal else '–'))
    return '\n'.join(lines)


def debian_version():
    text = subprocess.run(['/usr/bin/etcd', '--version'], capture_output=True, text=True, check=True).stdout
    return re.search(r'etcd Version: (\S+)', text)[1]


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=3, help='rounds; the table shows medians (default 3)')
    parser.add_argument('--seconds', type=int, default=5, help='length of each load (default 5)')
    parser.add_argument('--keys', type=int, default=200000, help='keys in the store, 1,000 per directory (default 200,000)')
    parser.add_argument('--only', action='append', choices=list(ROWS), help='measure this row alone; may be repeated')
    parser.add_argument('--json', metavar='FILE', help='write every single figure to this file')
    parser.add_argument('--dir', help="where the data directories go (default: target/bench, the repository's disk)")
    parser.add_argument('--ours', help='the program to measure (default: target/release/etcd)')
    parser.add_argument('--argument', action='append', default=[], help='one more argument for this server; may be repeated')
    return parser.parse_args()


def main():
    options = parse_options()
    target = Path(os.environ.get('CARGO_TARGET_DIR', HERE.parent / 'target'))
    ours = Path(options.ours or target / 'release' / 'etcd')
    if not ours.is_file():
        sys.exit("compare: %s is missing: 'make build' builds it" % ours)
    rows = set(options.only or ROWS)
    base = Path(options.dir or target / 'bench')
    base.mkdir(parents=True, exist_ok=True)
    commands = {'ours': [str(ours)] + options.argument, 'etcd': ['/usr/bin/etcd', '--enable-v2']}
    results = {'ours': [], 'etcd': []}
    for number in range(options.rounds):
        # The order alternates: neither always runs on the disk the other has just filled.
        for name in ('ours', 'etcd') if number % 2 == 0 else ('etcd', 'ours'):
            directory = Path(tempfile.mkdtemp(prefix='%s-' % name, dir=base))
            server = Server(name, commands[name], directory)
            try:
                result = measure(server, options, number + 1, rows)
            except Failed as failure:
                sys.exit('compare: %s' % failure)
            finally:
                server.kill()
                shutil.rmtree(directory, ignore_errors=True)
                # What the removed files leave to write back must not slow down the next server.
                os.sync()
            results[name].append(result)
            told = ['%s %s' % (row, show(figures['value'])) for row, figures in result.items() if row in rows]
            print('round %d, %s: %s' % (number + 1, name, ', '.join(told)), file=sys.stderr, flush=True)
    version = debian_version()
    print('%s; %d rounds of %d s, %s keys, 128-byte values; medians.\n' % (
        machine(), options.rounds, options.seconds, '{:,}'.format(options.keys)))
    print(table(results, rows, version))
    if options.json:
        figures = {'machine': machine(), 'etcd': version, 'options': vars(options), 'results': results}
        Path(options.json).write_text(json.dumps(figures, indent=1) + '\n')


if __name__ == '__main__':
    main()
