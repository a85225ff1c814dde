"""The machine that a benchmark runs on: what it is, what others take from it, and which core does what."""

import contextlib
import os
import re
import signal
import subprocess
from pathlib import Path

TICKS_PER_SECOND = os.sysconf('SC_CLK_TCK')
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# A data directory there measures memory, not a disk.
MEMORY_FILE_SYSTEMS = {'tmpfs', 'ramfs'}


class Failed(Exception):
    """A measurement that cannot count."""


def machine():
    model = re.search(r'model name\s*:\s*(.+)', Path('/proc/cpuinfo').read_text())
    memory = int(re.search(r'MemTotal:\s+(\d+)', Path('/proc/meminfo').read_text())[1]) / (1 << 20)
    return '%d x %s, %.0f GiB' % (os.cpu_count(), model[1] if model else 'unknown processor', memory)


def core_times(core):
    """(busy, stolen, all) seconds of one core since it was started; None sums all cores."""
    name = 'cpu' if core is None else 'cpu%d' % core
    for line in Path('/proc/stat').read_text().splitlines():
        fields = line.split()
        if fields[0] == name:
            user, nice, system, idle, waiting, interrupts, soft, steal = (int(field) for field in fields[1:9])
            busy = user + nice + system + interrupts + soft
            return tuple(ticks / TICKS_PER_SECOND for ticks in (busy, steal, busy + steal + idle + waiting))
    raise Failed('/proc/stat has no %s' % name)


def two_cores():
    """(core of the load, core of the server), on different silicon where that can be had; None on a single core.

    The first core takes the load: it is also the one that most interrupts go to.
    """
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        return None
    siblings = Path('/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list' % allowed[0])
    beside = cpu_list(siblings.read_text()) if siblings.exists() else {allowed[0]}
    apart = [core for core in allowed if core not in beside]
    return allowed[0], (apart or allowed)[-1]


def cpu_list(text):
    """The numbers of a list as the kernel writes it.

    >>> sorted(cpu_list('0,4-6\\n'))
    [0, 4, 5, 6]
    """
    ends = [[int(end) for end in part.split('-')] for part in text.strip().split(',')]
    return {core for part in ends for core in range(part[0], part[-1] + 1)}


@contextlib.contextmanager
def pinned(core):
    """What this thread starts inside the block runs on that core for good; None pins nothing.

    This is what taskset does, without an exec of its own, which a restart would be charged with.
    """
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def refuse_memory(directory):
    kind = subprocess.run(['stat', '-f', '-c', '%T', str(directory)], check=True, capture_output=True, text=True)
    if kind.stdout.strip() in MEMORY_FILE_SYSTEMS:
        raise Failed('%s is in memory (%s): name a directory on a disk with --dir' % (directory, kind.stdout.strip()))


class Stopped(BaseException):
    """A signal that asks the benchmark to end; no handler of errors may swallow it."""


def stop_on_signals():
    """The first signal unwinds the program, so that every server is killed; later ones must not disturb that."""
    def stop(number, _):
        for each in STOPPING:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)
    for number in STOPPING:
        # nohup and a shell's background jobs ignore some of them on purpose.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


@contextlib.contextmanager
def undisturbed():
    """Signals wait until the block is over: a process that has just been forked must first be known by its id."""
    held = []
    before = {number: signal.getsignal(number) for number in STOPPING}
    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, lambda number, frame: held.append((number, frame)))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if held:
            before[held[0][0]](*held[0])
