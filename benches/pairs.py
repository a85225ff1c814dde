#!/usr/bin/env python3
"""Did a change cost anything? Two builds of the server, measured in alternating pairs in one run.

    benches/pairs.py --old PATH --new PATH [--pairs 11] [--only put1,get64,restart] [--json [FILE]]
    benches/pairs.py --bytes --new PATH [--old PATH] [--window 60]

PUT and GET count the server's processor time (user and system) for each answered request: it does not depend on what
else waits for the disk. Server and load are pinned to two different cores, so neither can slow down the other; the rate
beside it is for information. Restart is the time from exec, after SIGKILL, to the first answered GET of a loaded key.

The two figures of a pair are taken one directly after the other, and the order changes with each pair, so a machine that
drifts does so for both. What counts is the median of the ratios new / old. Its interval is one of order statistics, of
at least 95 % from 6 pairs on; an interval that holds 1 has shown no difference. Every PUT run begins with an empty
directory, every GET run and restart on the build's own copy of a directory that the build itself has loaded and was
killed on. The load ends with a stop and a fixed number of writes (--tail) that only the log has at the kill: otherwise
chance would decide how much each build has to replay.

Steal is what the host of a virtual machine took from it, others what other processes took from the server's core: when
either is more than a few percent, repeat the run on a quiet machine before believing a ratio.

--bytes measures instead what a node writes to disk in a day; written.py says how.

The exit status is the median's alone; where the limit lies inside the interval, a line says that nothing is decided.

Exit status: 0 every median ratio is within its limit, 1 one is not, 2 no result, 130 interrupted.
"""

import argparse
import contextlib
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import written
from builds import MEASURES, Build
from load import HERE
from machine import Failed, Stopped, machine, pinned, refuse_memory, stop_on_signals, two_cores
from ratios import compare_pairs
# Medians of both builds that are shown and not judged.
BESIDE = {
    'rate': '{old:,.0f} / {new:,.0f}',
    'steal': '{old:.1f} / {new:.1f}',
    'others': '{old:.0f} / {new:.0f}',
}


class Progress:
    """One line that changes on a terminal, one line for each step elsewhere, all of it on standard error."""

    def __init__(self):
        self.terminal = sys.stderr.isatty()

    def step(self, text):
        self.write(text, '\n')

    def detail(self, text):
        if self.terminal:
            self.write(text, '')

    def write(self, text, end):
        print(('\r\033[K' if self.terminal else '') + text, end=end, file=sys.stderr, flush=True)


def run_pairs(measure, builds, options, progress):
    """Every figure of one measure: name of the build → one for each pair."""
    figures = {build.name: [] for build in builds}
    with contextlib.ExitStack() as stack:
        places = {build.name: stack.enter_context(measure.place(build)) for build in builds}
        for number in range(options.pairs + 1):
            for build in builds if number % 2 else reversed(builds):
                progress.detail('%s: pair %d of %d, %s' % (measure.text, number, options.pairs, build.name))
                found = measure.run(build, places[build.name], options, number)
                # Pair 0 only warms up: program files, page cache, the first start on a copied directory.
                if number:
                    figures[build.name].append(found)
    return figures


def summary(figures, limit):
    old, new = ([figure['value'] for figure in figures[name]] for name in ('old', 'new'))
    found = compare_pairs(old, new)
    found['limit'], found['within'] = limit, found['ratio'] <= limit
    found['decided'] = not found['low'] <= limit < found['high']
    for field in BESIDE:
        if figures['old'][0].get(field) is not None:
            found[field] = {name: statistics.median(figure[field] for figure in figures[name]) for name in figures}
    return found


def compare(builds, options, progress):
    """name of the measure → its summary, with every single figure in it."""
    if any(MEASURES[name].needs_keys for name in options.only):
        for build in builds:
            progress.step('%s: loading %s keys' % (build.name, '{:,}'.format(options.keys)))
            build.load(options.keys, options.tail)
    results = {}
    for name in options.only:
        figures = run_pairs(MEASURES[name], builds, options, progress)
        limit = options.restart_limit if name == 'restart' else options.limit
        results[name] = summary(figures, limit) | {'figures': figures}
        progress.step('%s: ratio %.3f, %.3f to %.3f' % (
            MEASURES[name].text, *(results[name][field] for field in ('ratio', 'low', 'high'))))
    return results


def table(results):
    coverage = 100 * min(found['coverage'] for found in results.values())
    lines = ['| | old | new | new / old | %.0f %% interval | min..max | limit | for information, /s | steal, %% | others, %% |'
             % coverage, '|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|']
    for name, found in results.items():
        unit = MEASURES[name].unit
        beside = [style.format(**found[field]) if field in found else '–' for field, style in BESIDE.items()]
        lines.append('| %s | %.2f %s | %.2f %s | %.3f | %.3f to %.3f | %.3f..%.3f | %.2f%s | %s |' % (
            MEASURES[name].text, found['old'], unit, found['new'], unit, found['ratio'], found['low'], found['high'],
            found['min'], found['max'], found['limit'], '' if found['within'] else ' **exceeded**',
            ' | '.join(beside)))
    undecided = [MEASURES[name].text for name, found in results.items() if not found['decided']]
    if undecided:
        lines.append('\nUndecided, the limit lies inside the interval: %s. More pairs or a quieter machine decide it.'
                     % '; '.join(undecided))
    return '\n'.join(lines)


def number_above(least, kind=int):
    def parse(text):
        value = kind(text)
        if value <= least:
            raise argparse.ArgumentTypeError('%s is not above %s' % (text, least))
        return value
    parse.__name__ = 'number'
    return parse


def measures(text):
    names = text.split(',')
    for name in names:
        if name not in MEASURES:
            raise argparse.ArgumentTypeError("'%s' is none of %s" % (name, ', '.join(MEASURES)))
    return [name for name in MEASURES if name in names]


def program(text):
    path = Path(text).resolve()
    if not os.access(path, os.X_OK) or not path.is_file():
        raise argparse.ArgumentTypeError('%s is no program' % text)
    return str(path)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('--old', type=program, help='the program before the change')
    add('--new', type=program, required=True, help='the program after it')
    add('--pairs', type=number_above(0), default=11, help='pairs of each measure (default 11)')
    add('--only', type=measures, default=list(MEASURES), help='measures, with commas between: ' + ', '.join(MEASURES))
    add('--seconds', type=number_above(0), default=5, help='length of each PUT or GET run (default 5)')
    add('--keys', type=number_above(0), default=200000, help='keys in the store (default 200,000)')
    add('--tail', type=number_above(0), default=40000,
        help='writes that a restart replays from the log; below --snapshot-count of the server (default 40,000)')
    add('--limit', type=number_above(0, float), default=1.05, help='highest median ratio, PUT and GET (default 1.05)')
    add('--restart-limit', type=number_above(0, float), default=1.2, help='the same for restart (default 1.2)')
    add('--bytes', action='store_true', help='measure the bytes written in a day instead')
    add('--window', type=number_above(9), default=60, help='seconds to watch each node for --bytes (default 60)')
    add('--settle', type=number_above(-1), default=10, help='seconds to wait before that window (default 10)')
    add('--json', metavar='FILE', nargs='?', const='-', help='write every figure as JSON to FILE; without FILE to '
        'standard output, in place of the table')
    add('--dir', help="where the data directories go (default: target/bench, the repository's disk)")
    options = parser.parse_args()
    if options.old is None and not options.bytes:
        parser.error('--old is missing: a pair has two programs')
    options.tail = min(options.tail, options.keys)
    return options


def report(options, about, results, text):
    if options.json:
        content = json.dumps(about | {'results': results}, indent=1) + '\n'
        if options.json == '-':
            print(content, end='')
            return
        Path(options.json).write_text(content)
    print('%s; %s.\n\n%s' % (about['machine'], about['pinning'], text))


def measure_all(options, base):
    progress = Progress()
    cores = two_cores()
    load_core, server_core = cores or (None, None)
    about = {'machine': machine(), 'options': vars(options), 'pinning':
             'server on core %d, load on core %d' % (server_core, load_core) if cores
             else 'ONE CORE for server and load: rates mean little, processor times are disturbed'}
    programs = {name: getattr(options, name) for name in ('old', 'new') if getattr(options, name)}
    builds = [Build(name, path, base, server_core) for name, path in programs.items()]
    with pinned(load_core):
        if options.bytes:
            results = {build.name: written.measure(build, options, progress.step) for build in builds}
            about['folio_bytes'] = written.folio_bytes(base)
            report(options, about, results, written.table(results, about['folio_bytes']))
            return 0
        results = compare(builds, options, progress)
    about['within'] = all(found['within'] for found in results.values())
    heading = '%d pairs of %d s, %s keys, 128-byte values; medians; processor time of the server for PUT and GET.\n\n' % (
        options.pairs, options.seconds, '{:,}'.format(options.keys))
    report(options, about, results, heading + table(results))
    return 0 if about['within'] else 1


def main():
    options = parse_options()
    stop_on_signals()
    target = Path(os.environ.get('CARGO_TARGET_DIR', HERE.parent / 'target'))
    base = Path(options.dir or target / 'bench')
    try:
        base.mkdir(parents=True, exist_ok=True)
        refuse_memory(base)
        if shutil.which('wrk') is None:
            raise Failed("wrk is not installed; 'make setup-bench' installs it (Debian: wrk)")
        with tempfile.TemporaryDirectory(prefix='pairs-', dir=base) as directory:
            return measure_all(options, Path(directory))
    except (Failed, OSError, subprocess.SubprocessError, http.client.HTTPException) as error:
        print('pairs: %s' % error, file=sys.stderr)
        return 2
    except Stopped:
        print('pairs: interrupted; the servers are killed, their directories removed', file=sys.stderr)
        return 130


if __name__ == '__main__':
    sys.exit(main())
