"""Figures of this server beside Debian's etcd 3.4 on the same machine and disk, ready for the README.

Both run in turn, in alternating order, over several rounds; the table shows medians. Load comes from wrk with one
thread, so on two cores it leaves one to the server under test. Both synchronise every write to disk before they answer.
"""

import argparse
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

HERE = Path(__file__).resolve().parent
TICKS_PER_SECOND = os.sysconf('SC_CLK_TCK')
START_LIMIT_SECONDS = 300
LOAD_CONNECTIONS = 256

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


class Failed(Exception):
    """A measurement that cannot count."""


def free_port():
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


class Server:
    """One server process on a data directory of its own."""

    def __init__(self, name, command, directory):
        self.name = name
        self.data = directory / 'data'
        self.log = directory / 'log'
        self.port = free_port()
        client, peer = 'http://127.0.0.1:%d' % self.port, 'http://127.0.0.1:%d' % free_port()
        self.url = client
        self.command = command + [
            '--name=default', '--data-dir=%s' % self.data, '--listen-client-urls=' + client,
            '--advertise-client-urls=' + client, '--listen-peer-urls=' + peer,
            '--initial-advertise-peer-urls=' + peer, '--initial-cluster=default=' + peer]
        self.process = None

    def start(self, path='/health'):
        """Seconds from exec to the first 200 for `path`; the polling begins before the process does."""
        poller = Poller(self.port, path)
        poller.start()
        environment = {name: value for name, value in os.environ.items() if not name.startswith('ETCD')}
        with open(self.log, 'ab') as log:
            began = time.monotonic()
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=environment, close_fds=False)
        while poller.served is None:
            poller.join(0.05)
            if self.process.poll() is not None or time.monotonic() - began > START_LIMIT_SECONDS:
                poller.stop = True
                raise Failed('%s does not start:\n%s' % (self.name, self.log_tail()))
        return poller.served - began

    def kill(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def log_tail(self):
        return self.log.read_text(errors='replace')[-2000:]

    def cpu_seconds(self):
        # The command name may hold spaces: the numbers begin after its closing bracket.
        fields = Path('/proc/%d/stat' % self.process.pid).read_text().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND

    def memory_mib(self, field):
        status = Path('/proc/%d/status' % self.process.pid).read_text()
        return int(re.search(field + r':\s+(\d+) kB', status)[1]) / 1024

    def reset_peak(self):
        Path('/proc/%d/clear_refs' % self.process.pid).write_text('5')


class Poller(threading.Thread):
    """Asks for one path on new connections, as fast as they are refused, until it is served."""

    def __init__(self, port, path):
        super().__init__(daemon=True)
        self.port, self.served, self.stop = port, None, False
        self.request = ('GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' % path).encode()

    def run(self):
        while not self.stop:
            try:
                with socket.create_connection(('127.0.0.1', self.port), timeout=START_LIMIT_SECONDS) as sock:
                    sock.sendall(self.request)
                    if sock.recv(12) == b'HTTP/1.1 200':
                        self.served = time.monotonic()
                        return
            except OSError:
                pass
            # A tenth of a millisecond: below what is measured, and the core stays with the server.
            time.sleep(0.0001)


def steal_and_total():
    fields = [int(field) for field in Path('/proc/stat').read_text().split('\n', 1)[0].split()[1:]]
    return fields[7], sum(fields[:8])


class Measured:
    """CPU time of the server and time stolen from the machine while a block runs."""

    def __init__(self, server):
        self.server = server

    def __enter__(self):
        self.steal, self.total = steal_and_total()
        self.cpu = self.server.cpu_seconds()
        return self

    def __exit__(self, *_):
        steal, total = steal_and_total()
        self.cpu = self.server.cpu_seconds() - self.cpu
        self.steal = 100 * (steal - self.steal) / max(1, total - self.total)


def wrk(server, script, connections, seconds, *arguments):
    """Runs wrk; returns (requests answered, seconds)."""
    command = ['wrk', '-t1', '-c%d' % connections, '-d%ds' % seconds, '--timeout', '30s', '-s', str(HERE / script),
               server.url, '--'] + [str(argument) for argument in arguments]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if 'Non-2xx' in output or 'Socket errors' in output:
        raise Failed('%s did not answer everything well:\n%s\n%s' % (server.name, output, server.log_tail()))
    found = re.search(r'(\d+) requests in ([\d.]+)(ms|s|m)', output)
    scale = {'ms': 0.001, 's': 1, 'm': 60}[found[3]]
    return int(found[1]), float(found[2]) * scale


def rate_row(server, script, connections, options, seed):
    with Measured(server) as measured:
        count, seconds = wrk(server, script, connections, options.seconds, options.keys, seed)
    return {'value': count / seconds, 'cpu_us': measured.cpu / count * 1e6, 'steal': measured.steal}


def listing(server):
    """Reads the whole tree once; returns (seconds, files)."""
    request = 'GET /v2/keys/t?recursive=true HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n'
    files, rest = 0, b''
    began = time.monotonic()
    with socket.create_connection(('127.0.0.1', server.port), timeout=START_LIMIT_SECONDS) as sock:
        sock.sendall(request.encode())
        while True:
            block = sock.recv(1 << 20)
            if not block:
                break
            text = rest + block
            files += text.count(b'"value":')
            # A name cut in two by the block's end is counted with the next block.
            rest = text[-7:]
    return time.monotonic() - began, files


def load(server, keys):
    command = ['wrk', '-t1', '-c%d' % LOAD_CONNECTIONS, '-d%ds' % START_LIMIT_SECONDS, '--timeout', '30s', '-s',
               str(HERE / 'load.lua'), server.url, '--', str(keys), str(LOAD_CONNECTIONS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None and process.stdout.readline() != 'loaded\n':
            pass
        # Without this wrk sleeps until its duration is over.
        process.send_signal(signal.SIGINT)
    _, files = listing(server)
    if files != keys:
        raise Failed('%s: %d keys were loaded, %d are listed' % (server.name, keys, files))


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
    steal, total = steal_and_total()
    seconds = server.start('/v2/keys/t/d000/key-000000')
    steal_after, total_after = steal_and_total()
    return {'value': seconds, 'steal': 100 * (steal_after - steal) / max(1, total_after - total)}


def measure(server, options, seed, rows):
    """All wanted rows for one server from an empty directory."""
    results = {}
    server.start()
    for name in ('put1', 'put64', 'put256'):
        if name in rows:
            results[name] = rate_row(server, 'put.lua', int(name[3:]), options, seed)
    if NEEDS_KEYS & rows:
        load(server, options.keys)
    if 'memory' in rows:
        results['memory'] = {'value': server.memory_mib('VmRSS')}
    if 'get64' in rows:
        results['get64'] = rate_row(server, 'get.lua', 64, options, seed)
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


def machine():
    model = re.search(r'model name\s*:\s*(.+)', Path('/proc/cpuinfo').read_text())
    memory = int(re.search(r'MemTotal:\s+(\d+)', Path('/proc/meminfo').read_text())[1]) / (1 << 20)
    return '%d x %s, %.0f GiB' % (os.cpu_count(), model[1] if model else 'unknown processor', memory)


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
