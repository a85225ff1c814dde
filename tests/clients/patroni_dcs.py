"""Patroni's etcd class against a server, driven the way Patroni's HA loop drives it by two nodes of one cluster."""

import json
import logging
import time

from patroni.dcs.etcd import Etcd
from patroni.postgresql.mpp import get_mpp

from checks import check, expect, expect_equal, main

# Patroni logs every lost race as an exception; those are part of the play here.
logging.disable(logging.CRITICAL)

TTL = 2


def node(options, scope, name, ttl=30):
    config = {'host': '%s:%d' % (options.host, options.port), 'scope': scope, 'name': name, 'namespace': '/service/',
              'ttl': ttl, 'loop_wait': 1, 'retry_timeout': 5}
    dcs = Etcd(config, get_mpp({}))
    dcs.touch_member({'conn_url': 'postgres://%s/postgres' % name, 'state': 'running', 'role': 'replica'})
    return dcs


def leader_name(dcs):
    cluster = dcs.get_cluster()
    return cluster.leader.name if cluster.leader else None


@check
def bootstrap(options):
    one, two = node(options, 'boot', 'one'), node(options, 'boot', 'two')
    expect(one.get_cluster().initialize is None, 'a new cluster has no initialize key')
    expect(one.initialize(create_new=True), 'the race for the initialize key has no winner')
    expect(not two.initialize(create_new=True), 'the race for the initialize key has two winners')
    expect(one.initialize(create_new=False, sysid='7000000000000000001'), 'the system identifier was not stored')
    expect(one.set_config_value(json.dumps({'ttl': 30, 'loop_wait': 10})), 'the configuration was not stored')
    cluster = two.get_cluster()
    expect_equal(cluster.initialize, '7000000000000000001')
    expect_equal(cluster.config.data, {'ttl': 30, 'loop_wait': 10})
    expect_equal(sorted(member.name for member in cluster.members), ['one', 'two'])
    expect(all(0 < member.session <= 30 for member in cluster.members), 'members without a TTL')
    expect(one.cancel_initialization(), 'the initialize key was not removed')
    expect(one.get_cluster().initialize is None, 'the initialize key is still there')
    expect(not one.cancel_initialization(), 'a missing initialize key was removed')


@check
def leader_lock(options):
    one, two = node(options, 'lock', 'one'), node(options, 'lock', 'two')
    expect(one.attempt_to_acquire_leader(), 'the free lock was not given')
    expect(not two.attempt_to_acquire_leader(), 'the lock was given twice')
    expect_equal(leader_name(two), 'one')
    cluster = one.get_cluster()
    expect(one.update_leader(cluster, 12345, {'slot_a': 100}, {'one': 'http://one', 'two': 'http://two'}),
           'the holder could not renew')
    seen = two.get_cluster()
    expect_equal((seen.status.last_lsn, seen.status.slots['slot_a']), (12345, 100))
    expect_equal(seen.failsafe, {'one': 'http://one', 'two': 'http://two'})
    expect(not two.update_leader(seen, 99999), 'a node renewed a lock it does not hold')
    expect_equal(two.get_cluster().status.last_lsn, 12345)
    expect(one.delete_leader(cluster.leader, 23456), 'the holder could not release')
    expect_equal((leader_name(two), two.get_cluster().status.last_lsn), (None, 23456))
    expect(two.attempt_to_acquire_leader(), 'the released lock was not given')
    expect(not one.delete_leader(cluster.leader), 'a lock was released by another node')
    expect_equal(leader_name(one), 'two')
    expect(one.take_leader(), 'a bootstrapped node must be able to take the lock over')
    expect_equal(leader_name(two), 'one')


@check
def keep_alive_outlives_the_ttl(options):
    one = node(options, 'alive', 'one', TTL)
    expect(one.attempt_to_acquire_leader(), 'the free lock was not given')
    began = time.monotonic()
    renewals = 0
    while time.monotonic() - began < 2 * TTL:
        cluster = one.get_cluster()
        expect_equal(cluster.leader and cluster.leader.name, 'one', 'the lock was lost between two renewals')
        expect(one.update_leader(cluster, 1000 + renewals), 'renewal %d failed' % renewals)
        expect(one.touch_member({'state': 'running', 'role': 'primary'}), 'the member key was not refreshed')
        renewals += 1
        one.watch(None, TTL / 4)
    expect(renewals >= 3, 'only %d renewals' % renewals)
    expect_equal([member.name for member in one.get_cluster().members], ['one'])


@check
def loss_of_the_lock(options):
    one, two = node(options, 'loss', 'one', TTL), node(options, 'loss', 'two')
    expect(one.attempt_to_acquire_leader(), 'the free lock was not given')
    former = one.get_cluster()
    leader = two.get_cluster().leader
    began = time.monotonic()
    expect(two.watch(leader.version, 15), 'the watch ended without the expiry')
    expect(time.monotonic() - began > TTL - 1.5, 'the lock expired early')
    cluster = two.get_cluster()
    expect(cluster.leader is None, 'the lock is still held')
    expect_equal([member.name for member in cluster.members], ['two'], 'the dead member is still there')
    expect(two.attempt_to_acquire_leader(), 'the lost lock was not given')
    expect(not one.update_leader(former, 1), 'the former leader renewed a lock it lost')
    expect_equal(leader_name(one), 'two')


@check
def returning_leader_finds_its_lock_gone(options):
    one = node(options, 'gone', 'one', TTL)
    expect(one.attempt_to_acquire_leader(), 'the free lock was not given')
    cluster = one.get_cluster()
    expect(one.watch(cluster.leader.version, 15), 'the watch ended without the expiry')
    # Nobody took it: Patroni then takes the lock again inside the renewal.
    expect(one.update_leader(cluster, 5), 'the lock nobody holds was not taken again')
    expect_equal(leader_name(one), 'one')


@check
def replica_watches_the_leader(options):
    one, two = node(options, 'watch', 'one'), node(options, 'watch', 'two')
    expect(one.attempt_to_acquire_leader(), 'the free lock was not given')
    version = two.get_cluster().leader.version
    expect(not two.watch(version, 1.0), 'the watch woke up although nothing happened')
    # The renewal lies before the watch in time and after it in index: history must deliver it.
    expect(one.update_leader(one.get_cluster(), 7), 'the holder could not renew')
    expect(two.watch(version, 15), 'the renewal did not reach the watch')


@check
def failover_and_switchover_keys(options):
    one, two = node(options, 'fail', 'one'), node(options, 'fail', 'two')
    expect(one.manual_failover('one', 'two'), 'the failover key was not written')
    failover = two.get_cluster().failover
    expect_equal((failover.leader, failover.candidate), ('one', 'two'))
    expect(not one.manual_failover('', '', version=failover.version - 1), 'a stale version replaced the failover key')
    expect_equal(two.get_cluster().failover.candidate, 'two')
    expect(two.manual_failover('', '', version=failover.version), 'the failover key was not cleared')
    expect(not two.get_cluster().failover, 'the failover key is not empty')


@check
def configuration_compare(options):
    one, two = node(options, 'conf', 'one'), node(options, 'conf', 'two')
    expect(one.set_config_value('{"ttl":30}'), 'the configuration was not stored')
    version = two.get_cluster().config.version
    expect(two.set_config_value('{"ttl":60}', version), 'the compare with the right version failed')
    expect(not one.set_config_value('{"ttl":90}', version), 'a stale version was accepted')
    expect_equal(one.get_cluster().config.data, {'ttl': 60})


@check
def synchronous_mode_and_history(options):
    one, two = node(options, 'sync', 'one'), node(options, 'sync', 'two')
    state = one.write_sync_state('one', ['two'], 0)
    expect(state and state.version, 'the sync state was not written')
    found = two.get_cluster().sync
    expect_equal((found.leader, found.members, found.version), ('one', ['one', 'two'], state.version))
    expect(not two.write_sync_state('two', ['one'], 0, version=state.version - 1), 'a stale version was accepted')
    expect(one.delete_sync_state(version=state.version), 'the sync state was not removed')
    expect(two.get_cluster().sync.is_empty, 'the sync state is still there')
    expect(one.set_history_value(json.dumps([[1, 100, 'no recovery target specified']])), 'no history was stored')
    expect_equal(two.get_cluster().history.lines, [[1, 100, 'no recovery target specified']])


@check
def removal_of_a_cluster(options):
    one = node(options, 'remove', 'one')
    expect(one.attempt_to_acquire_leader() and one.set_config_value('{}'), 'the cluster was not made')
    expect(one.delete_cluster(), 'the cluster was not removed')
    cluster = one.get_cluster()
    expect(cluster.is_empty() and cluster.config is None, 'something is left: %r' % (cluster,))


main()
