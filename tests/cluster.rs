//! Several members as real processes on loopback: they found a cluster, answer as one, and keep every promise while members
//! are killed, stopped and cut off.
//!
//! Every random test prints its seed when it fails, and `CLUSTER_SEED` replays what it draws (not what the machine does).
//! `CLUSTER_ROUNDS` is how many leaders each disturbed test loses: `CLUSTER_ROUNDS=50 cargo test --test cluster`.

// Any member takes what any other one would.
#[path = "cluster/any_member.rs"]
mod any_member;
// The judge of the histories is not on trial with them.
#[path = "cluster/checker.rs"]
mod checker;
// What is asked while members come and go, and what came back.
#[path = "cluster/clients.rs"]
mod clients;
// Data directories that are not the ones that were left.
#[path = "cluster/directories.rs"]
mod directories;
// What every member shows of itself and the others.
#[path = "cluster/faces.rs"]
mod faces;
// A fresh cluster, as tools and people find it.
#[path = "cluster/formed.rs"]
mod formed;
// Linearizability, while leaders are killed and stopped.
#[path = "cluster/history.rs"]
mod history;
// All members die at once.
#[path = "cluster/lost_power.rs"]
mod lost_power;
// Members that come and go.
#[path = "cluster/members.rs"]
mod members;
// Members of releases that know different commands.
#[path = "cluster/mixed.rs"]
mod mixed;
// A network that can be cut, and is gone with the test.
#[path = "cluster/namespace.rs"]
mod namespace;
// Members that are cut off.
#[path = "cluster/partitions.rs"]
mod partitions;
// Whoever is no member, at the port of the members.
#[path = "cluster/peer_port.rs"]
mod peer_port;
// Options that make no member.
#[path = "cluster/refusals.rs"]
mod refusals;
// Members that end and start again.
#[path = "cluster/restarts.rs"]
mod restarts;
// Members that were away for long.
#[path = "cluster/snapshots.rs"]
mod snapshots;
// One whose disk is slow.
#[path = "cluster/slow_disk.rs"]
mod slow_disk;
mod support;
