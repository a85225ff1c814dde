"""A server under test: started, asked, measured and killed, and known by its process id as long as it lives."""

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from machine import Failed, core_times, pinned, undisturbed

# The kernel's clock of a process that counts in nanoseconds what the scheduler gave it.
CPUCLOCK_SCHED = 2
START_LIMIT_SECONDS = 300
STOP_LIMIT_SECONDS = 60


def free_port():
    """Below the ports that outgoing connections get: one of those could take it while a server restarts."""
    outgoing = int(Path('/proc/sys/net/ipv4/ip_local_port_range').read_text().split()[0])
    for _ in range(1000):
        port = random.randrange(min(10000, outgoing - 1), outgoing)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(('127.0.0.1', port))
            return port
    raise Failed('no free port below %d on 127.0.0.1' % outgoing)


class Server:
    """One server process on a data directory of its own; with `core`, it runs on that core alone."""

    def __init__(self, name, command, directory, ports=None, core=None):
        self.name = name
        self.data = directory / 'data'
        self.log = directory / 'log'
        self.core = core
        self.port, peer_port = ports or (free_port(), free_port())
        client, peer = 'http://127.0.0.1:%d' % self.port, 'http://127.0.0.1:%d' % peer_port
        self.url = client
        self.command = command + [
            '--name=default', '--data-dir=%s' % self.data, '--listen-client-urls=' + client,
            '--advertise-client-urls=' + client, '--listen-peer-urls=' + peer,
            '--initial-advertise-peer-urls=' + peer, '--initial-cluster=default=' + peer]
        self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self, path='/health'):
        """Seconds from exec to the first 200 for `path`; the polling begins before the process does."""
        poller = Poller(self.port, path)
        poller.start()
        environment = {name: value for name, value in os.environ.items() if not name.startswith('ETCD')}
        try:
            with open(self.log, 'ab') as log, pinned(self.core), undisturbed():
                began = time.monotonic()
                self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                env=environment, close_fds=False)
            while poller.served is None:
                poller.join(0.05)
                if self.process.poll() is not None or time.monotonic() - began > START_LIMIT_SECONDS:
                    raise Failed('%s does not start:\n%s' % (self.name, self.log_tail()))
        finally:
            poller.stop = True
        return poller.served - began

    def kill(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def stop(self):
        """Ends it as an operator does."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            raise Failed('%s does not stop:\n%s' % (self.name, self.log_tail())) from None
        # The original raises the signal again once it has shut down.
        if status not in (0, -signal.SIGTERM):
            raise Failed('%s stopped with status %d:\n%s' % (self.name, status, self.log_tail()))
        self.process = None

    def log_tail(self):
        return self.log.read_text(errors='replace')[-2000:]

    def cpu_seconds(self):
        """User and system time of all its threads, ended ones too; 0 before it is started.

        The sum is that of /proc/PID/stat, which counts in ticks of 10 ms: too coarse for a short run. The clock is named
        as clock_getcpuclockid(3) does it, which Python has for threads only.
        """
        return time.clock_gettime(~self.process.pid << 3 | CPUCLOCK_SCHED) if self.process else 0.0

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


class Measured:
    """What a block cost the server, and what disturbed it meanwhile.

    `cpu` is the server's processor time; `steal` what the host took from the machine, in percent; `others`, on a server
    with a core of its own, what other processes of this machine took from that core, in percent.
    """

    def __init__(self, server):
        self.server = server

    def __enter__(self):
        self.machine, self.core = core_times(None), core_times(self.server.core)
        self.cpu = self.server.cpu_seconds()
        return self

    def __exit__(self, *_):
        self.cpu = self.server.cpu_seconds() - self.cpu
        _, self.steal, total = (after - before for after, before in zip(core_times(None), self.machine))
        self.steal *= 100 / max(1e-9, total)
        self.others = None
        if self.server.core is not None:
            busy, _, total = (after - before for after, before in zip(core_times(self.server.core), self.core))
            self.others = max(0.0, 100 * (busy - self.cpu) / max(1e-9, total))
