"""python-etcd against a server: reads, writes, compares, refresh, locks, watches, cluster facts, error mapping."""

import queue
import threading

import etcd

from checks import check, expect, expect_equal, expect_raises, main


def connect(options, **kwargs):
    kwargs.setdefault('read_timeout', 10)
    return etcd.Client(host=options.host, port=options.port, **kwargs)


@check
def write_and_read(options):
    client = connect(options)
    made = client.write('/py/rw/key', 'one')
    expect(made.newKey, 'the first write of a key answers 201')
    expect_equal(made.action, 'set')
    expect_equal(made.modifiedIndex, made.createdIndex)
    expect_equal(made.etcd_index, made.modifiedIndex)
    again = client.write('/py/rw/key', 'two')
    expect(not again.newKey, 'an overwrite answers 200')
    expect_equal(again._prev_node.value, 'one')
    read = client.read('/py/rw/key')
    expect_equal(read.value, 'two')
    expect_equal(read.modifiedIndex, again.modifiedIndex)
    expect(read.etcd_index >= read.modifiedIndex, 'X-Etcd-Index is behind the node')
    expect(read.raft_index > 0, 'X-Raft-Index is missing')
    expect_equal(client.get('/py/rw/key').value, 'two')
    expect_equal(client.read('/py/rw/key', quorum=True).value, 'two')
    expect('/py/rw/key' in client, 'the key is not found by "in"')
    expect('/py/rw/none' not in client, 'an absent key is found by "in"')


@check
def values_survive_the_trip(options):
    client = connect(options)
    for number, value in enumerate(['', ' ', 'a b+c&d=e;f%zz', '<&>"\\\n\r\t', 'grün ☃ 𝄞', '\u2028\u2029', 'x' * 100000]):
        key = '/py/values/%d' % number
        client.write(key, value)
        expect_equal(client.read(key).value, value, key)
    odd = '/py/values/with space/ü+?#[]'
    client.write(odd.replace('?', '%3F').replace('#', '%23'), 'odd')
    names = [leaf.key for leaf in client.read('/py/values', recursive=True).leaves]
    expect(odd in names, 'the odd name is not listed: %r' % names)


@check
def directories(options):
    client = connect(options)
    client.write('/py/tree', None, dir=True)
    expect_equal(list(leaf.key for leaf in client.read('/py/tree').leaves), ['/py/tree'])
    for name in ('b/two', 'b/one', 'a', '_hidden/x', 'c/d/e'):
        client.write('/py/tree/' + name, name)
    listed = client.read('/py/tree', recursive=True, sorted=True)
    expect(listed.dir, 'the directory is not one')
    expect_equal([leaf.key for leaf in listed.leaves],
                 ['/py/tree/a', '/py/tree/b/one', '/py/tree/b/two', '/py/tree/c/d/e'])
    expect_equal(sorted(node.key for node in listed.get_subtree())[0], '/py/tree')
    expect_equal(client.read('/py/tree/_hidden/x').value, '_hidden/x')
    expect_raises(etcd.EtcdDirNotEmpty, client.delete, '/py/tree', dir=True)
    expect_raises(etcd.EtcdNotFile, client.delete, '/py/tree')
    gone = client.delete('/py/tree', recursive=True)
    expect_equal((gone.action, gone.dir), ('delete', True))
    expect_raises(etcd.EtcdKeyNotFound, client.read, '/py/tree')


@check
def in_order_keys(options):
    client = connect(options)
    keys = [client.write('/py/queue', 'job %d' % number, append=True).key for number in range(5)]
    expect_equal(keys, sorted(keys), 'in-order keys do not sort')
    values = [leaf.value for leaf in client.read('/py/queue', recursive=True, sorted=True).leaves]
    expect_equal(values, ['job %d' % number for number in range(5)])


@check
def compare_and_swap(options):
    client = connect(options)
    made = client.write('/py/cas', 'one', prevExist=False)
    expect_equal(made.action, 'create')
    expect_raises(etcd.EtcdAlreadyExist, client.write, '/py/cas', 'x', prevExist=False)
    swapped = client.write('/py/cas', 'two', prevValue='one')
    expect_equal((swapped.action, swapped.createdIndex), ('compareAndSwap', made.createdIndex))
    expect_raises(etcd.EtcdCompareFailed, client.write, '/py/cas', 'x', prevValue='one')
    expect_raises(etcd.EtcdCompareFailed, client.write, '/py/cas', 'x', prevIndex=made.modifiedIndex)
    third = client.write('/py/cas', 'three', prevIndex=swapped.modifiedIndex)
    expect_equal(client.test_and_set('/py/cas', 'four', 'three').value, 'four')
    expect_raises(ValueError, client.test_and_set, '/py/cas', 'x', 'three')
    expect_raises(etcd.EtcdKeyNotFound, client.write, '/py/cas-none', 'x', prevValue='one')
    expect_raises(etcd.EtcdKeyNotFound, client.write, '/py/cas-none', 'x', prevExist=True)
    expect_raises(etcd.EtcdCompareFailed, client.delete, '/py/cas', prevIndex=third.modifiedIndex)
    gone = client.delete('/py/cas', prevValue='four')
    expect_equal((gone.action, gone._prev_node.value), ('compareAndDelete', 'four'))


@check
def update_of_a_read_result(options):
    client = connect(options)
    client.write('/py/update', '41')
    node = client.read('/py/update')
    node.value = '42'
    client.update(node)
    expect_equal(client.read('/py/update').value, '42')
    # The result is stale now: the index it was read at no longer matches.
    expect_raises(etcd.EtcdCompareFailed, client.update, node)
    client.write('/py/update-dir', None, dir=True)
    folder = client.read('/py/update-dir')
    folder.ttl = 100
    client.update(folder)
    expect(95 <= client.read('/py/update-dir').ttl <= 100, 'the directory has no TTL')


@check
def pop_returns_the_former_node(options):
    client = connect(options)
    client.write('/py/pop', 'here')
    expect_equal(client.pop('/py/pop').value, 'here')
    expect_raises(etcd.EtcdKeyNotFound, client.pop, '/py/pop')


@check
def ttl_and_refresh(options):
    client = connect(options)
    made = client.write('/py/ttl', 'stays', ttl=100)
    expect(95 <= made.ttl <= 100 and made.expiration, 'no TTL in the reply')
    refreshed = client.refresh('/py/ttl', 1000)
    expect(900 <= refreshed.ttl <= 1000, 'the refresh did not move the TTL')
    expect_equal(client.read('/py/ttl').value, 'stays')
    expect_equal(client.read('/py/ttl').createdIndex, made.createdIndex)
    # A refresh wakes nobody: the watch must deliver the set that follows it.
    following = client.write('/py/ttl', 'loud')
    seen = client.watch('/py/ttl', index=refreshed.modifiedIndex, timeout=10)
    expect_equal((seen.modifiedIndex, seen.value), (following.modifiedIndex, 'loud'))
    expect_equal(client.read('/py/ttl').ttl, None, 'a set without ttl leaves one')
    expect_raises(etcd.EtcdKeyNotFound, client.refresh, '/py/ttl-none', 10)


@check
def expiry_reaches_a_watcher(options):
    client = connect(options)
    made = client.write('/py/short', 'soon', ttl=1)
    seen = client.watch('/py/short', index=made.modifiedIndex + 1, timeout=10)
    expect_equal((seen.action, seen.key), ('expire', '/py/short'))
    expect_equal(seen._prev_node.value, 'soon')
    expect_raises(etcd.EtcdKeyNotFound, client.read, '/py/short')


@check
def watch_from_history(options):
    client = connect(options)
    first = client.write('/py/watch/a', '1')
    second = client.write('/py/watch/b', '2')
    expect_equal(client.watch('/py/watch', index=first.modifiedIndex, recursive=True).key, '/py/watch/a')
    seen = client.watch('/py/watch', index=first.modifiedIndex + 1, recursive=True)
    expect_equal((seen.key, seen.modifiedIndex), ('/py/watch/b', second.modifiedIndex))
    expect_raises(etcd.EtcdWatchTimedOut, client.watch, '/py/watch', index=second.modifiedIndex + 1, timeout=0.3,
                  recursive=True)


@check
def eternal_watch(options):
    client = connect(options)
    start = client.write('/py/eternal/start', 'x').modifiedIndex
    seen = queue.Queue()

    def follow():
        watcher = connect(options)
        for event in watcher.eternal_watch('/py/eternal', index=start + 1, recursive=True):
            seen.put((event.action, event.key, event.value))
            if event.key.endswith('/last'):
                return

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    wanted = []
    for number in range(20):
        client.write('/py/eternal/%d' % (number % 3), str(number))
        wanted.append(('set', '/py/eternal/%d' % (number % 3), str(number)))
    client.delete('/py/eternal/1')
    wanted.append(('delete', '/py/eternal/1', None))
    client.write('/py/eternal/last', 'done')
    wanted.append(('set', '/py/eternal/last', 'done'))
    found = [seen.get(timeout=20) for _ in wanted]
    expect_equal(found, wanted, 'events')
    thread.join(20)
    expect(not thread.is_alive(), 'the watcher did not end')


@check
def cleared_history(options):
    client = connect(options)
    first = client.write('/py/cleared', '0').modifiedIndex
    for number in range(options.history + 1):
        client.write('/py/cleared', str(number))
    error = expect_raises(etcd.EtcdEventIndexCleared, client.watch, '/py/cleared', index=first, timeout=10)
    expect_equal(error.payload['errorCode'], 401)
    last = client.read('/py/cleared')
    expect_equal(client.watch('/py/cleared', index=last.modifiedIndex).value, last.value)


@check
def lock_is_exclusive_and_fair(options):
    order = queue.Queue()
    first, second = etcd.Lock(connect(options), 'door'), etcd.Lock(connect(options), 'door')
    expect(first.acquire(lock_ttl=60), 'the free lock was not given')
    expect(first.is_acquired, 'the lock is not held')
    expect(not second.acquire(blocking=False, lock_ttl=60), 'two hold the lock')

    def wait():
        order.put(('second', second.acquire(blocking=True, lock_ttl=60, timeout=20)))

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    expect(first.acquire(lock_ttl=60), 'the renewal failed')
    expect(order.empty(), 'the waiting lock was given while it was held')
    first.release()
    expect_equal(order.get(timeout=20), ('second', True))
    expect(not first.is_acquired, 'a released lock counts as held')
    same = etcd.Lock(connect(options), 'door')
    same.uuid = second.uuid
    expect_equal(same.lock_key, second.lock_key)
    second.release()
    with etcd.Lock(connect(options), 'door') as third:
        expect(third.is_acquired, 'the context manager holds no lock')
    expect(not third.is_acquired, 'the context manager did not release')


@check
def lock_of_a_dead_holder_expires(options):
    dead, heir = etcd.Lock(connect(options), 'grave'), etcd.Lock(connect(options), 'grave')
    expect(dead.acquire(lock_ttl=1), 'the free lock was not given')
    expect(heir.acquire(blocking=True, lock_ttl=60, timeout=20), 'the lock was not inherited')
    expect(heir.is_acquired and not dead.is_acquired, 'the dead holder still has the lock')
    heir.release()


@check
def error_mapping(options):
    client = connect(options)
    client.write('/py/err/file', 'x')
    missing = expect_raises(etcd.EtcdKeyNotFound, client.read, '/py/err/none/deep')
    expect_equal(missing.payload['cause'], '/py/err/none')
    expect_equal(missing.payload['errorCode'], 100)
    expect(missing.payload['index'] > 0, 'the error has no index')
    expect_raises(etcd.EtcdNotFile, client.write, '/py/err', 'x')
    expect_raises(etcd.EtcdNotDir, client.write, '/py/err/file/below', 'x')
    expect_raises(etcd.EtcdNotDir, client.read, '/py/err/file/below')
    expect_raises(etcd.EtcdRootReadOnly, client.write, '/', 'x')
    expect_raises(etcd.EtcdRootReadOnly, client.delete, '/', recursive=True)
    for parameters in ({'ttl': 'soon'}, {'prevIndex': 'x'}, {'prevExist': 'maybe'}, {'prevValue': ''}):
        expect_raises(etcd.EtcdValueError, client.write, '/py/err/file', 'y', **parameters)
    expect_equal(client.read('/py/err/file').value, 'x')
    expect_raises(NotImplementedError, lambda: client.election)


@check
def cluster_facts(options):
    client = connect(options)
    url = 'http://%s:%d' % (options.host, options.port)
    expect_equal(client.machines, [url])
    members = client.members
    expect_equal(len(members), 1)
    (name, member), = members.items()
    expect_equal((name, member['clientURLs']), (member['id'], [url]))
    expect_equal(client.leader['id'], name)
    expect_equal(client.stats['id'], name)
    expect_equal(client.stats['state'], 'StateLeader')
    expect_equal(client.leader_stats, {'leader': name, 'followers': {}})
    expect(client.store_stats['setsSuccess'] > 0, 'no successful set was counted')
    expect(client.version.startswith('3.'), client.version)
    expect(client.cluster_version.startswith('3.'), client.cluster_version)


@check
def watchers_are_counted_and_forgotten(options):
    client = connect(options)
    expect_raises(etcd.EtcdWatchTimedOut, client.watch, '/py/nobody', timeout=0.3)
    # The server notices the closed connection on its own time: ask until it has.
    for _ in range(2000):
        if client.store_stats['watchers'] == 0:
            return
    raise AssertionError('the watcher of a closed connection is still counted')


@check
def many_hosts_and_reconnection(options):
    # The first host refuses connections: the client must find the second one and learn the members from it.
    hosts = (('127.0.0.1', 1), (options.host, options.port))
    client = etcd.Client(host=hosts, allow_reconnect=True, read_timeout=5)
    client.write('/py/reconnect', 'found')
    expect_equal(client.read('/py/reconnect').value, 'found')
    expect_equal(client.base_uri, 'http://%s:%d' % (options.host, options.port))


@check
def cluster_id_is_stable(options):
    client = connect(options)
    client.write('/py/id', 'x')
    learned = client.expected_cluster_id
    expect(learned, 'no X-Etcd-Cluster-Id was learned')
    expect_equal(connect(options, expected_cluster_id=learned).read('/py/id').value, 'x')
    expect_raises(etcd.EtcdClusterIdChanged, connect(options, expected_cluster_id='1234').read, '/py/id')


main()
