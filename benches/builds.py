"""Two builds of the server, each with directories of its own, and what one run of each measure is."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from load import FIRST_KEY, load, rate, set_all, wrk
from server import Measured, Server, free_port

WARM_UP_SECONDS = 1


class Build:
    """One of the two programs: its address, and the directories under `base` that only its processes have written."""

    def __init__(self, name, program, base, core):
        self.name, self.program, self.core = name, program, core
        self.base = base / name
        self.base.mkdir()
        # The same for each start: a directory knows the addresses of its node.
        self.ports = free_port(), free_port()

    def on(self, directory):
        # What the last server left to write back must not slow down this one.
        os.sync()
        return Server('%s (%s)' % (self.name, self.program), [self.program], directory, self.ports, self.core)

    @contextlib.contextmanager
    def fresh(self):
        """A server, not yet started, on an empty directory that goes when it is killed."""
        with tempfile.TemporaryDirectory(prefix='fresh-', dir=self.base) as directory, self.on(Path(directory)) as server:
            yield server

    @contextlib.contextmanager
    def copied(self):
        """A copy of the loaded directory, for one measure."""
        with tempfile.TemporaryDirectory(prefix='copy-', dir=self.base) as directory:
            shutil.copytree(self.base / 'loaded', directory, dirs_exist_ok=True)
            yield Path(directory)

    def load(self, keys, tail):
        directory = self.base / 'loaded'
        directory.mkdir()
        with self.on(directory) as server:
            server.start()
            load(server, keys)
            server.stop()
            server.start()
            set_all(server, tail)


class Rate:
    """Processor time for each request of one kind."""

    unit, needs_keys = 'µs/op', False

    def __init__(self, text, script, connections):
        self.text, self.script, self.connections = text, script, connections

    def place(self, _):
        """Where all runs of one build happen; None is a new directory for each."""
        return contextlib.nullcontext()

    def run(self, build, place, options, seed):
        with build.fresh() if place is None else build.on(place) as server:
            server.start()
            wrk(server, self.script, self.connections, WARM_UP_SECONDS, options.keys, seed)
            found = rate(server, self.script, self.connections, options, seed)
        return found | {'value': found['cpu_us'], 'rate': found['value']}


class ReadRate(Rate):
    needs_keys = True

    def place(self, build):
        return build.copied()


class Restart:
    """From exec to the first read, on a directory that each earlier run was killed on."""

    text, unit, needs_keys = 'kill -9 to first served read', 'ms', True

    def place(self, build):
        return build.copied()

    def run(self, build, place, *_):
        with build.on(place) as server, Measured(server) as measured:
            seconds = server.start(FIRST_KEY)
        return {'value': seconds * 1000, 'steal': measured.steal, 'others': measured.others}


MEASURES = {
    'put1': Rate('PUT, 1 connection', 'put.lua', 1),
    'put64': Rate('PUT, 64 connections', 'put.lua', 64),
    'put256': Rate('PUT, 256 connections', 'put.lua', 256),
    'get1': ReadRate('GET, 1 connection', 'get.lua', 1),
    'get64': ReadRate('GET, 64 connections', 'get.lua', 64),
    'get256': ReadRate('GET, 256 connections', 'get.lua', 256),
    'restart': Restart(),
}
