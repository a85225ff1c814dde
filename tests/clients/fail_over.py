"""python-etcd and Patroni, given all members of a cluster, while its leader is killed: they go on by themselves.

The leader is killed by whoever started this: `lose` and `restore` are lines on standard output, answered by a line on
standard input once it is done.
"""

import argparse
import json
import logging
import sys
import threading
import time
import traceback

import etcd
from patroni.dcs.etcd import Etcd
from patroni.postgresql.mpp import get_mpp

from checks import CHECKS, check, expect, expect_equal

# Patroni and python-etcd log every endpoint that does not answer.
logging.disable(logging.CRITICAL)

# Longer than any election.
PATIENCE_SECONDS = 60
WRITES = 20


def ask(what):
    print(what, flush=True)
    expect_equal(sys.stdin.readline().strip(), 'done', what)


def connect(options):
    return etcd.Client(host=tuple(options.endpoints), allow_reconnect=True, read_timeout=3)


def until_done(call):
    """What a user of python-etcd does: the same again where it could not be done. Only for what may be done twice."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return call()
        except (etcd.EtcdConnectionFailed, etcd.EtcdException) as error:
            # An answer is one; what is left are members that are gone, and those without a leader (300).
            if isinstance(error, (etcd.EtcdKeyNotFound, etcd.EtcdCompareFailed)) or time.monotonic() > end:
                raise


@check
def python_etcd_writes_on(options):
    client = connect(options)
    for number in range(2 * WRITES):
        if number == WRITES:
            ask('lose')
        until_done(lambda: client.write('/over/%d' % number, str(number)))
    found = until_done(lambda: client.read('/over', quorum=True, recursive=True))
    expect_equal(sorted(int(leaf.value) for leaf in found.leaves), list(range(2 * WRITES)))
    ask('restore')


@check
def python_etcd_compares_on(options):
    client = connect(options)
    until_done(lambda: client.write('/compared', '0'))
    ask('lose')
    for number in range(WRITES):
        try:
            until_done(lambda: client.test_and_set('/compared', str(number + 1), str(number)))
        except etcd.EtcdCompareFailed:
            # It was done, and the answer was lost.
            pass
        expect_equal(until_done(lambda: client.read('/compared', quorum=True)).value, str(number + 1))
    ask('restore')


@check
def python_etcd_watches_on(options):
    writer, seen = connect(options), []
    began = until_done(lambda: writer.write('/watched', 'first')).modifiedIndex

    def watch():
        client, index = connect(options), began
        while len(seen) < 2 * WRITES:
            try:
                event = client.read('/watched', wait=True, waitIndex=index, timeout=3)
            except etcd.EtcdException:
                continue
            seen.append((event.modifiedIndex, event.value))
            index = event.modifiedIndex + 1

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    written = ['first']
    for number in range(1, 2 * WRITES):
        if number == WRITES:
            ask('lose')
        value = str(number)
        until_done(lambda: writer.write('/watched', value))
        written.append(value)
    watcher.join(PATIENCE_SECONDS)
    expect(not watcher.is_alive(), 'the watcher saw %d of %d events' % (len(seen), 2 * WRITES))
    expect_equal(seen, sorted(set(seen)), 'events came twice, or not in order')
    # A write whose answer was lost may have taken effect, and was done again.
    values = [value for _, value in seen]
    expect_equal(list(dict.fromkeys(values)), written[:len(set(values))], 'an event is missing')
    ask('restore')


@check
def patroni_keeps_its_lock(options):
    hosts = ['%s:%d' % endpoint for endpoint in options.endpoints]

    def node(name):
        config = {'hosts': hosts, 'scope': 'over', 'name': name, 'namespace': '/service/', 'ttl': 30, 'loop_wait': 1,
                  'retry_timeout': 10}
        dcs = Etcd(config, get_mpp({}))
        dcs.touch_member({'conn_url': 'postgres://%s/postgres' % name, 'state': 'running', 'role': 'replica'})
        return dcs

    one, two = node('one'), node('two')
    expect(one.attempt_to_acquire_leader(), 'the free lock was not given')
    expect(one.set_config_value(json.dumps({'ttl': 30})), 'the configuration was not stored')
    for renewal in range(2 * WRITES):
        if renewal == WRITES:
            ask('lose')
        cluster = one.get_cluster()
        expect_equal(cluster.leader and cluster.leader.name, 'one', 'the lock was lost')
        expect(one.update_leader(cluster, 1000 + renewal), 'renewal %d failed' % renewal)
    cluster = two.get_cluster()
    expect_equal((cluster.leader.name, cluster.status.last_lsn), ('one', 1000 + 2 * WRITES - 1))
    expect(not two.attempt_to_acquire_leader(), 'the lock was given twice')
    ask('restore')


def endpoint(text):
    host, port = text.rsplit(':', 1)
    return host, int(port)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--endpoints', required=True, type=lambda text: [endpoint(one) for one in text.split(',')])
    options = parser.parse_args()
    failed = 0
    for function in CHECKS:
        try:
            function(options)
        except Exception:
            failed += 1
            print('FAILED %s' % function.__name__, flush=True)
            traceback.print_exc()
            break
        print('ok %s' % function.__name__, flush=True)
    sys.exit(1 if failed else 0)


main()
