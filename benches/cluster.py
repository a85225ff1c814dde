#!/usr/bin/env python3
"""Three members of this server beside three of Debian's etcd 3.4, in one run on loopback.

    benches/cluster.py [--rounds 3] [--seconds 5] [--only put64,kill] [--json FILE]

The two clusters are measured in turn, in an order that alternates with the rounds, each from empty directories; the table
shows medians, and ratios of which more than 1 is better for this server. Requests are spread over the three members, one
thread of wrk for each. Servers and load share all cores, so processor time (of the three servers together, for each request)
says more than rates. Both run with the same heartbeat interval and election time-out, and times without a leader are told
in election time-outs: a NEW request is one that is sent again and again from the moment on which the leader is lost, a
WAITING one was sent to a member that lives on just after that moment, and nobody asks for it a second time.

Exit status: 0 measured, 1 a ratio is below --least, 2 no result, 130 interrupted.
"""

import argparse
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from compare import debian_version, show
from load import FIRST_KEY, HERE, ask, index, set_all, wrk, wrk_command
from machine import Failed, Stopped, core_times, machine, refuse_memory, stop_on_signals
from pairs import Progress, number_above
from server import START_LIMIT_SECONDS, Server, free_port

MEMBERS = 3
# name: (what it says, unit, True when more is better)
ROWS = {
    'put64': ('PUT, 64 connections', '/s', True),
    'put64cpu': ('– processor time of the servers', 'µs', False),
    'put256': ('PUT, 256 connections', '/s', True),
    'put256cpu': ('– processor time of the servers', 'µs', False),
    'get64': ('linearizable GET, 64 connections', '/s', True),
    'get64cpu': ('– processor time of the servers', 'µs', False),
    'kill': ('leader killed, a new request is written', 'time-outs', False),
    'killwait': ('leader killed, a waiting request is written', 'time-outs', False),
    'stop': ('leader stopped, a new request is written', 'time-outs', False),
    'stopwait': ('leader stopped, a waiting request is written', 'time-outs', False),
    'slow': ('GET, 99 of 100 within, at the other two while a follower syncs slowly', 'times', False),
    'slowown': ('– at its own clients', 'times', False),
    'slowput': ('PUT, 99 of 100 within, at its own clients', 'times', False),
    'catchup': ('a member that is behind catches up', 's', False),
    'watchers': ('memory of an idle watcher', 'KiB', False),
}
# What is measured at once.
TOGETHER = {'put64': ['put64', 'put64cpu'], 'put256': ['put256', 'put256cpu'], 'get64': ['get64', 'get64cpu'],
            'slow': ['slow', 'slowown', 'slowput'], 'kill': ['kill', 'killwait'], 'stop': ['stop', 'stopwait'], 'catchup': ['catchup'], 'watchers': ['watchers']}
# What each sync of a slow disk takes longer, and the load beside it: writers at the leader, readers at those who are measured.
# Little enough that the tail is that of the disk, and not of too few processors.
SLOW_SYNC_SECONDS = 0.2
WRITERS, READERS = 2, 4
# A request that is not answered by then was lost.
WRITE_LIMIT_SECONDS = 60
FORM = {'Content-Type': 'application/x-www-form-urlencoded'}


class Member(Server):
    """One server of a cluster."""

    def __init__(self, name, command, directory, ports, cluster):
        super().__init__(name, command, directory, ports)
        # The last of two options counts, in both programs.
        self.command += ['--name=' + name, '--initial-cluster=' + cluster]

    def begin(self):
        """Starts the process without waiting for it: the first of three is not healthy before the second."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith('ETCD')}
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=environment)

    def slow_down(self):
        """From its next start on each of its syncs takes longer. The program stays the child of this one, so it is killed as ever."""
        slowly = 'inject=fdatasync,fsync:delay_exit=%d' % (SLOW_SYNC_SECONDS * 1e6)
        self.command = ['strace', '-D', '-f', '-qq', '--seccomp-bpf', '-o', '/dev/null', '-e', 'trace=fdatasync,fsync',
                        '-e', slowly] + self.command

    def kill(self):
        if self.process is not None:
            # One that is stopped dies as well.
            super().kill()


class Cluster:
    """Three members; what `load` asks of a server, the first of them answers."""

    def __init__(self, name, command, directory, options):
        self.name, self.options = name, options
        ports = [(free_port(), free_port()) for _ in range(MEMBERS)]
        cluster = ','.join('m%d=http://127.0.0.1:%d' % (number, peer) for number, (_, peer) in enumerate(ports))
        command = command + ['--heartbeat-interval=%d' % options.heartbeat, '--election-timeout=%d' % options.election]
        self.members = []
        for number, pair in enumerate(ports):
            place = directory / ('m%d' % number)
            place.mkdir()
            self.members.append(Member('m%d' % number, command, place, pair, cluster))
        self.port, self.url = self.members[0].port, self.members[0].url

    def __enter__(self):
        for member in self.members:
            member.begin()
        for member in self.members:
            self.wait_healthy(member)
        return self

    def __exit__(self, *_):
        for member in self.members:
            member.kill()

    def wait_healthy(self, member):
        end = time.monotonic() + START_LIMIT_SECONDS
        while not answers(member, '/health', b'"true"'):
            if member.process.poll() is not None or time.monotonic() > end:
                raise Failed('%s: %s does not become healthy:\n%s' % (self.name, member.name, member.log_tail()))
            time.sleep(0.01)

    def log_tail(self):
        return '\n'.join(member.log_tail() for member in self.members)

    def cpu_seconds(self):
        return sum(member.cpu_seconds() for member in self.members)

    def leader(self):
        """The member that all others name, too."""
        end = time.monotonic() + START_LIMIT_SECONDS
        while time.monotonic() < end:
            with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
                said = [json.loads(got(member, '/v2/stats/self')) for member in self.members]
                leaders = {one['leaderInfo']['leader'] for one in said}
                led = [number for number, one in enumerate(said) if {one['id']} == leaders]
                if led:
                    return self.members[led[0]]
            time.sleep(0.01)
        raise Failed('%s has no leader:\n%s' % (self.name, self.log_tail()))


def got(member, path, timeout=5):
    connection = http.client.HTTPConnection('127.0.0.1', member.port, timeout=timeout)
    with contextlib.closing(connection):
        connection.request('GET', path)
        return connection.getresponse().read()


def answers(member, path, what):
    with contextlib.suppress(OSError, http.client.HTTPException):
        return what in got(member, path)
    return False


def rate(cluster, script, connections, seed, quorum=False):
    """Answers per second of all three, and their processor time for each."""
    options = cluster.options
    environment = {'SPREAD_PORTS': ' '.join(str(member.port) for member in cluster.members),
                   'SPREAD_SCRIPT': str(HERE / script)}
    if quorum:
        environment['SPREAD_QUORUM'] = '1'
    before, cpu = core_times(None), cluster.cpu_seconds()
    with changed_environment(environment):
        count, seconds = wrk(cluster, 'spread.lua', connections, options.seconds, options.keys, seed, threads=MEMBERS)
    cpu = cluster.cpu_seconds() - cpu
    _, steal, total = (after - first for after, first in zip(core_times(None), before))
    return count / seconds, cpu / count * 1e6, 100 * steal / max(1e-9, total)


@contextlib.contextmanager
def changed_environment(values):
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class Writer(threading.Thread):
    """Writes one key on a member that lives: once and patiently, or again and again. `at` is when it was written."""

    def __init__(self, member, key, again):
        super().__init__(daemon=True)
        self.member, self.key, self.again, self.at = member, key, again, None

    def run(self):
        end = time.monotonic() + WRITE_LIMIT_SECONDS
        while time.monotonic() < end:
            # A new request is one that does not wait for what an older one waits for.
            patience = 0.05 if self.again else WRITE_LIMIT_SECONDS
            connection = http.client.HTTPConnection('127.0.0.1', self.member.port, timeout=patience)
            with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
                connection.request('PUT', '/v2/keys/lost/' + self.key, 'value=x', FORM)
                if connection.getresponse().status in (200, 201):
                    self.at = time.monotonic()
                    return
            if not self.again:
                return
            time.sleep(0.001)


def without_leader(cluster, number, kills):
    """Election time-outs until a new request and a waiting one are written, once the leader is lost; None: it was not."""
    leader = cluster.leader()
    living = next(member for member in cluster.members if member is not leader)
    # Its connection to the leader is in use.
    ask(living, 'PUT', '/v2/keys/before', 'value=x')
    new, waiting = (Writer(living, '%s-%d' % (what, number), what == 'new') for what in ('new', 'waiting'))
    lost = time.monotonic()
    leader.process.send_signal(signal.SIGKILL if kills else signal.SIGSTOP)
    waiting.start()
    new.start()
    waiting.join(WRITE_LIMIT_SECONDS)
    new.join(WRITE_LIMIT_SECONDS)
    if kills:
        leader.kill()
        leader.begin()
    else:
        leader.process.send_signal(signal.SIGCONT)
    cluster.wait_healthy(leader)
    election = cluster.options.election / 1000
    return [None if writer.at is None else (writer.at - lost) / election for writer in (new, waiting)]


def tails(cluster, apart, seconds, script='get.lua'):
    """Within how many seconds 99 of 100 linearizable reads (or other requests) are answered: at all members but one, and at
    that one, while somebody writes."""
    leader = cluster.leader()
    others = [member for member in cluster.members if member is not apart]
    arguments = [cluster.options.keys, 1]
    write = wrk_command(leader, 'put.lua', WRITERS, seconds + 2, arguments)
    with contextlib.ExitStack() as stack:
        writer = stack.enter_context(subprocess.Popen(write, stdout=subprocess.DEVNULL))
        stack.callback(writer.terminate)
        readers = []
        for members in (others, [apart]):
            environment = dict(os.environ, SPREAD_PORTS=' '.join(str(member.port) for member in members),
                               SPREAD_SCRIPT=str(HERE / script), SPREAD_QUORUM='1')
            command = wrk_command(members[0], 'tail.lua', READERS, seconds, arguments, threads=len(members))
            readers.append(stack.enter_context(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)))
        said = [reader.communicate()[0] for reader in readers]
    found = [re.search(r'99 of 100 within (\d+) us', output) for output in said]
    if None in found:
        raise Failed('%s: no reads were answered:\n%s' % (cluster.name, '\n'.join(said)))
    return [int(one[1]) / 1e6 for one in found]


def slow_follower(cluster):
    """By how many times the tail of reads grows when one follower's syncs take long: at the others' clients, and at its own; and
    that of writes at its own."""
    set_all(cluster, cluster.options.keys)
    leader = cluster.leader()
    slow = next(member for member in cluster.members if member is not leader)
    seconds = cluster.options.seconds
    before, put_before = (tails(cluster, slow, seconds, script) for script in ('get.lua', 'put.lua'))
    slow.kill()
    slow.slow_down()
    slow.begin()
    cluster.wait_healthy(slow)
    if cluster.leader() is slow:
        raise Failed('%s: the slow member leads' % cluster.name)
    # The first requests tell a member that its disk is slow.
    tails(cluster, slow, 1)
    after, put_after = (tails(cluster, slow, seconds, script) for script in ('get.lua', 'put.lua'))
    return [after[0] / before[0], after[1] / before[1], put_after[1] / put_before[1]]


def lost_leaders(cluster, kills):
    found = [without_leader(cluster, number, kills) for number in range(cluster.options.leaders)]
    return [medians([pair[position] for pair in found]) for position in (0, 1)]


def medians(values):
    """The median where all were written."""
    return None if None in values else statistics.median(values)


def catch_up(cluster):
    """Seconds until a member that missed all keys serves the last of them by itself; None: not within the bound."""
    leader = cluster.leader()
    behind = next(member for member in cluster.members if member is not leader)
    behind.kill()
    there = next(member for member in cluster.members if member is not behind)
    set_all(there, cluster.options.keys)
    wanted = index(there)
    began = time.monotonic()
    behind.begin()
    while time.monotonic() - began < cluster.options.catch_up:
        if behind.process.poll() is not None:
            raise Failed('%s ended instead of catching up:\n%s' % (behind.name, behind.log_tail()))
        with contextlib.suppress(OSError, http.client.HTTPException):
            if own_index(behind) >= wanted:
                return time.monotonic() - began
        time.sleep(0.01)
    return None


def own_index(member):
    """Of its own tree; the original reads locally anyway."""
    connection = http.client.HTTPConnection('127.0.0.1', member.port, timeout=5)
    with contextlib.closing(connection):
        connection.request('GET', '/v2/keys' + FIRST_KEY[len('/v2/keys'):] + '?local=true')
        answer = connection.getresponse()
        answer.read()
        return int(answer.headers.get('X-Etcd-Index') or 0)


def watchers(cluster):
    """KiB of the three servers together for each of many watchers that see nothing, spread over them."""
    before = sum(member.memory_mib('VmRSS') for member in cluster.members)
    with contextlib.ExitStack() as stack:
        for number in range(cluster.options.watchers):
            member = cluster.members[number % MEMBERS]
            sock = stack.enter_context(socket.create_connection(('127.0.0.1', member.port), START_LIMIT_SECONDS))
            sock.sendall(b'GET /v2/keys/idle/%d?wait=true HTTP/1.1\r\nHost: x\r\n\r\n' % number)
        for member in cluster.members:
            registered = -1
            end = time.monotonic() + START_LIMIT_SECONDS
            while registered < cluster.options.watchers // MEMBERS and time.monotonic() < end:
                registered = json.loads(got(member, '/v2/stats/store'))['watchers']
        after = sum(member.memory_mib('VmRSS') for member in cluster.members)
    return (after - before) * 1024 / cluster.options.watchers


def measure(name, cluster, number):
    """The rows of one measure."""
    if name.startswith('put'):
        value, cpu, steal = rate(cluster, 'put.lua', int(name[3:]), number)
        return {name: value, name + 'cpu': cpu}, steal
    if name == 'get64':
        set_all(cluster, cluster.options.keys)
        value, cpu, steal = rate(cluster, 'get.lua', 64, number, quorum=True)
        return {name: value, name + 'cpu': cpu}, steal
    if name == 'slow':
        return dict(zip(TOGETHER['slow'], slow_follower(cluster))), None
    if name in ('kill', 'stop'):
        new, waiting = lost_leaders(cluster, name == 'kill')
        return {name: new, name + 'wait': waiting}, None
    return {name: {'catchup': catch_up, 'watchers': watchers}[name](cluster)}, None


def lacking(row):
    """What stands in place of a figure: a waiting request may be refused, or answered to nobody."""
    return 'not yet' if row == 'catchup' else 'not written'


def table(results, names, least):
    """The lines, and whether every ratio is at least what it must be."""
    lines = ['| | this server | etcd %s | ratio |' % debian_version(), '|---|---:|---:|---:|']
    within, ratios = True, {}
    for row in [row for name in names for row in TOGETHER[name]]:
        text, unit, more_is_better = ROWS[row]
        values = {name: medians([one[row] for one in results[name] if row in one]) for name in results}
        ours, theirs = values['ours'], values['etcd']
        ratio = None
        if ours and theirs and ours > 0 and theirs > 0:
            ratio = ours / theirs if more_is_better else theirs / ours
            within &= ratio >= least
        ratios[row] = ratio
        cells = [lacking(row) if value is None else '%s %s' % (show(value), unit) for value in (ours, theirs)]
        lines.append('| %s | %s | %s | %s |' % (text, *cells, '%.2f' % ratio if ratio else '–'))
    return '\n'.join(lines), ratios, within


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('--rounds', type=number_above(0), default=3, help='rounds; the table shows medians (default 3)')
    add('--seconds', type=number_above(0), default=5, help='length of each load (default 5)')
    add('--keys', type=number_above(0), default=200000, help='keys that are read, and that a member is behind (default 200,000)')
    add('--leaders', type=number_above(0), default=5, help='leaders that are lost in each way and round (default 5)')
    add('--watchers', type=number_above(0), default=3000, help='idle watchers (default 3,000)')
    add('--catch-up', type=number_above(0), default=120, help='seconds after which a member is not there yet (default 120)')
    add('--heartbeat', type=number_above(0), default=100, help='milliseconds between heartbeats (default 100)')
    add('--election', type=number_above(0), default=1000, help='milliseconds of an election time-out (default 1,000)')
    add('--only', type=measures, default=list(TOGETHER), help='measures, with commas between: ' + ', '.join(TOGETHER))
    add('--least', type=number_above(-1, float), default=0, help='lowest ratio for the exit status 0 (default: any)')
    add('--json', metavar='FILE', help='write every single figure to this file')
    add('--dir', help="where the data directories go (default: target/bench, the repository's disk)")
    add('--ours', help='the program to measure (default: target/release/etcd)')
    return parser.parse_args()


def measures(text):
    names = text.split(',')
    for name in names:
        if name not in TOGETHER:
            raise argparse.ArgumentTypeError("'%s' is none of %s" % (name, ', '.join(TOGETHER)))
    return [name for name in TOGETHER if name in names]


def measure_all(options, base, ours, progress):
    commands = {'ours': [str(ours)], 'etcd': ['/usr/bin/etcd', '--enable-v2']}
    results = {name: [] for name in commands}
    for number in range(options.rounds):
        for measured in options.only:
            # The order alternates: neither always runs on the disk the other has just filled.
            for name in commands if number % 2 == 0 else reversed(commands):
                directory = Path(tempfile.mkdtemp(prefix=name + '-', dir=base))
                try:
                    with Cluster(name, commands[name], directory, options) as cluster:
                        rows, steal = measure(measured, cluster, number + 1)
                finally:
                    shutil.rmtree(directory, ignore_errors=True)
                    # What the removed files leave to write back must not slow down the next one.
                    os.sync()
                results[name].append(rows)
                told = ['%s %s' % (row, lacking(row) if value is None else show(value)) for row, value in rows.items()]
                beside = [] if steal is None else ['steal %.1f %%' % steal]
                progress.step('round %d, %s: %s' % (number + 1, name, ', '.join(told + beside)))
    text, ratios, within = table(results, options.only, options.least)
    print('%s; three members each, %d rounds of %d s, %s keys, 128-byte values, heartbeats of %d ms, elections of %d ms; '
          'medians.\n\n%s' % (machine(), options.rounds, options.seconds, '{:,}'.format(options.keys), options.heartbeat,
                              options.election, text))
    if options.json:
        figures = {'machine': machine(), 'etcd': debian_version(), 'options': vars(options), 'ratios': ratios,
                   'results': results}
        Path(options.json).write_text(json.dumps(figures, indent=1) + '\n')
    return 0 if within else 1


def main():
    options = parse_options()
    stop_on_signals()
    target = Path(os.environ.get('CARGO_TARGET_DIR', HERE.parent / 'target'))
    ours = Path(options.ours or target / 'release' / 'etcd')
    base = Path(options.dir or target / 'bench')
    try:
        base.mkdir(parents=True, exist_ok=True)
        refuse_memory(base)
        if not ours.is_file():
            raise Failed("%s is missing: 'make build' builds it" % ours)
        for tool in ('wrk', '/usr/bin/etcd'):
            if shutil.which(tool) is None:
                raise Failed("%s is not installed; 'make setup-bench' installs it" % tool)
        return measure_all(options, base, ours, Progress())
    except (Failed, OSError, subprocess.SubprocessError, http.client.HTTPException) as error:
        print('cluster: %s' % error, file=sys.stderr)
        return 2
    except Stopped:
        print('cluster: interrupted; the servers are killed, their directories removed', file=sys.stderr)
        return 130


if __name__ == '__main__':
    sys.exit(main())
