"""What a server is asked: requests from wrk with one thread, all keys at once, and the listing that checks them."""

import contextlib
import http.client
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from machine import Failed
from server import START_LIMIT_SECONDS, Measured

HERE = Path(__file__).resolve().parent
LOAD_CONNECTIONS = 256
# A key that `load` has set.
FIRST_KEY = '/v2/keys/t/d000/key-000000'


def wrk_command(server, script, connections, seconds, arguments, threads=1):
    return ['wrk', '-t%d' % threads, '-c%d' % connections, '-d%ds' % seconds, '--timeout', '30s', '-s', str(HERE / script),
            server.url, '--'] + [str(argument) for argument in arguments]


def wrk(server, script, connections, seconds, *arguments, threads=1):
    """Runs wrk; returns (requests answered, seconds)."""
    command = wrk_command(server, script, connections, seconds, arguments, threads)
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if 'Non-2xx' in output or 'Socket errors' in output:
        raise Failed('%s did not answer everything well:\n%s\n%s' % (server.name, output, server.log_tail()))
    found = re.search(r'(\d+) requests in ([\d.]+)(ms|s|m)', output)
    if found is None or found[1] == '0':
        raise Failed('%s answered nothing:\n%s\n%s' % (server.name, output, server.log_tail()))
    scale = {'ms': 0.001, 's': 1, 'm': 60}[found[3]]
    return int(found[1]), float(found[2]) * scale


def rate(server, script, connections, options, seed):
    """Answers per second, and the server's processor time for each."""
    with Measured(server) as measured:
        count, seconds = wrk(server, script, connections, options.seconds, options.keys, seed)
    return {'value': count / seconds, 'cpu_us': measured.cpu / count * 1e6, 'steal': measured.steal,
            'others': measured.others}


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


def ask(server, method, path, body=None):
    """The answer to one request on a connection of its own, which must be a success."""
    headers = {'Content-Type': 'application/x-www-form-urlencoded'} if body else {}
    connection = http.client.HTTPConnection('127.0.0.1', server.port, timeout=START_LIMIT_SECONDS)
    with contextlib.closing(connection):
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
    if answer.status not in (200, 201):
        raise Failed('%s: %s %s: %d %s' % (server.name, method, path, answer.status, text.decode(errors='replace')))
    return answer


def set_all(server, keys):
    """Sets the first `keys` keys, and some of them again: what wrk has on the way when it is told to end."""
    before = index(server)
    command = wrk_command(server, 'load.lua', LOAD_CONNECTIONS, START_LIMIT_SECONDS, [keys, LOAD_CONNECTIONS])
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            loaded = any(line == 'loaded\n' for line in process.stdout)
            # Without this wrk sleeps until its duration is over.
            process.send_signal(signal.SIGINT)
            process.wait()
        finally:
            process.kill()
    # Refused writes are answered too, but they take no index.
    if not loaded or index(server) < before + keys:
        raise Failed('%s did not take %d keys:\n%s' % (server.name, keys, server.log_tail()))


def index(server):
    return int(ask(server, 'GET', '/v2/keys/').headers['X-Etcd-Index'])


def load(server, keys):
    set_all(server, keys)
    _, files = listing(server)
    if files != keys:
        raise Failed('%s: %d keys were loaded, %d are listed' % (server.name, keys, files))
