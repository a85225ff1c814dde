"""Bytes that a node writes to its disk in a day: idle, with one write each 10 s, and busy.

A node of its own for each, watched for a while and extrapolated. What comes less often than the window is long (a flush
after an hour, say) is therefore not in the figure.
"""

import time

from load import ask, wrk

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


NODES = {
    'idle': ('idle', idle),
    'slow': ('one write each %d s' % SECONDS_BETWEEN_WRITES, slow),
    'busy': ('busy, %d connections' % BUSY_CONNECTIONS, busy),
}


def measure(build, options, tell):
    """The three figures of one build: node → bytes and writes in the window, and bytes a day."""
    found = {}
    for node, (text, act) in NODES.items():
        tell('%s: bytes of a node, %s' % (build.name, text))
        with build.fresh() as server:
            server.start()
            # What founding leaves to be written is not part of a day.
            time.sleep(options.settle)
            began, before = time.monotonic(), server.bytes_written()
            writes = act(server, options)
            written, seconds = server.bytes_written() - before, time.monotonic() - began
        found[node] = {'bytes': written, 'writes': writes, 'seconds': seconds,
                       'bytes_per_day': written / seconds * SECONDS_PER_DAY}
    return found


def table(results):
    lines = ['| node | build | written a day, MB | in the window, bytes | writes | bytes a write |',
             '|---|---|---:|---:|---:|---:|']
    for node, (text, _) in NODES.items():
        for name, found in results.items():
            row = found[node]
            lines.append('| %s | %s | %s | %s | %s | %s |' % (
                text, name, '{:,.2f}'.format(row['bytes_per_day'] / 1e6), '{:,}'.format(row['bytes']),
                '{:,}'.format(row['writes']),
                '{:,.0f}'.format(row['bytes'] / row['writes']) if row['writes'] else '–'))
    return '\n'.join(lines)
