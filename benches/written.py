"""Bytes that a node writes to its disk in a day: idle, with one write each 10 s, and busy.

A node of its own for each, watched for a while and extrapolated. What comes less often than the window is long (a flush
after an hour, say) is therefore not in the figure.

Two counts stand side by side, because neither is right everywhere. The kernel's of the process (write_bytes of
/proc/PID/io) leaves out the file system's journal, and where the page cache holds a file in large folios it counts a
whole folio for each byte changed in it: `folio_bytes` finds out. The device's counts what reaches the disk, of everybody
who writes to it: give --dir on a file system that nothing else uses, for instance (as root)

    truncate -s 4G disk.img && mkfs.ext4 -qF -E lazy_itable_init=0,lazy_journal_init=0 disk.img
    mkdir disk && mount -o loop disk.img disk
"""

import os
import re
import tempfile
import time

from pathlib import Path

from load import ask, wrk

SECTOR_BYTES = 512
PROBE_BYTES = 1 << 20
SECONDS_PER_DAY = 86400
SECONDS_BETWEEN_WRITES = 10
BUSY_CONNECTIONS = 64
# As long as the values of put.lua.
VALUE_BYTES = 128


def idle(_, options):
    time.sleep(options.window)
    return 0


def slow(server, options):
    """Writes in the middle of each interval, so that what follows a write is in the window, too."""
    began = time.monotonic()
    count = options.window // SECONDS_BETWEEN_WRITES
    for number in range(count):
        sleep_until(began + SECONDS_BETWEEN_WRITES * (number + 0.5))
        ask(server, 'PUT', '/v2/keys/hot', 'value=%0*d' % (VALUE_BYTES, number))
    sleep_until(began + options.window)
    return count


def busy(server, options):
    return wrk(server, 'put.lua', BUSY_CONNECTIONS, options.window, options.keys, 1)[0]


def sleep_until(moment):
    time.sleep(max(0.0, moment - time.monotonic()))


def device_bytes(directory):
    """What the device below a directory has been made to write; None where the kernel names no device."""
    device = os.stat(directory).st_dev
    counters = Path('/sys/dev/block/%d:%d/stat' % (os.major(device), os.minor(device)))
    return int(counters.read_text().split()[6]) * SECTOR_BYTES if counters.exists() else None


def process_bytes(process='self'):
    text = Path('/proc/%s/io' % process).read_text()
    return int(re.search(r'^write_bytes: (\d+)', text, re.MULTILINE)[1])


def folio_bytes(directory):
    """What the kernel counts for one byte that is written again in a file of 1 MiB."""
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        file.write(bytes(PROBE_BYTES))
        os.fsync(file.fileno())
        before = process_bytes()
        os.pwrite(file.fileno(), b'1', 0)
        return process_bytes() - before


NODES = {
    'idle': ('idle', idle),
    'slow': ('one write each %d s' % SECONDS_BETWEEN_WRITES, slow),
    'busy': ('busy, %d connections' % BUSY_CONNECTIONS, busy),
}


def measure(build, options, tell):
    """The three figures of one build: node → bytes and writes in a window of so many seconds."""
    found = {}
    for node, (text, act) in NODES.items():
        tell('%s: bytes of a node, %s' % (build.name, text))
        with build.fresh() as server:
            server.start()
            # What founding leaves to be written is not part of a day.
            time.sleep(options.settle)
            os.sync()
            pid = server.process.pid
            began, process, device = time.monotonic(), process_bytes(pid), device_bytes(build.base)
            writes = act(server, options)
            seconds, process = time.monotonic() - began, process_bytes(pid) - process
            if device is not None:
                # What only the page cache has yet belongs to the window, too.
                os.sync()
                device = device_bytes(build.base) - device
        found[node] = {'process': process, 'device': device, 'writes': writes, 'seconds': seconds}
    return found


def table(results, folio):
    lines = ['| node | build | device: MB a day | bytes a write | process: MB a day | bytes a write | writes in %.0f s |'
             % max(row['seconds'] for found in results.values() for row in found.values()),
             '|---|---|---:|---:|---:|---:|---:|']
    for node, (text, _) in NODES.items():
        for name, found in results.items():
            row = found[node]
            columns = [cell for counter in ('device', 'process') for cell in cells(row, counter)]
            lines.append('| %s | %s | %s | {:,} |'.format(row['writes']) % (text, name, ' | '.join(columns)))
    if folio > os.sysconf('SC_PAGE_SIZE'):
        lines.append('\nThis kernel counts up to {:,} bytes for each byte that a process changes: the process columns are '
                     'too high. Read the device, with --dir on a file system of its own.'.format(folio))
    return '\n'.join(lines)


def cells(row, counter):
    if row[counter] is None:
        return '–', '–'
    return ('{:,.2f}'.format(row[counter] / row['seconds'] * SECONDS_PER_DAY / 1e6),
            '{:,.0f}'.format(row[counter] / row['writes']) if row['writes'] else '–')
