//! What survives: real server processes that are killed, cut, damaged, paused, starved of disk space and
//! descriptors, put on disks that hang or refuse, and started on the wrong directory, and what they must still serve or refuse (F1, F3, F4, F5, F8, F9
//! and F11 of the fault list).
//!
//! Every test prints its seed when it fails. `CRASH_SEED` replays one; `CRASH_ROUNDS` and `CRASH_CUTS` lengthen the runs:
//! `CRASH_ROUNDS=100 CRASH_CUTS=500 cargo test --test crash`.
//! `TEST_SERVER=debian cargo test --test crash kill` runs the kill rounds against Debian's etcd 3.4, which keeps F1.

#[path = "crash/copied.rs"]
mod copied;
#[path = "crash/cuts.rs"]
mod cuts;
#[path = "crash/damage.rs"]
mod damage;
#[path = "crash/descriptors.rs"]
mod descriptors;
#[path = "crash/disk_full.rs"]
mod disk_full;
#[path = "crash/disk_shim.rs"]
mod disk_shim;
#[path = "crash/event.rs"]
mod event;
#[path = "crash/exchanged.rs"]
mod exchanged;
#[path = "crash/history.rs"]
mod history;
#[path = "crash/image.rs"]
mod image;
#[path = "crash/kill.rs"]
mod kill;
#[path = "crash/ledger.rs"]
mod ledger;
#[path = "crash/loss.rs"]
mod loss;
#[path = "crash/lost_log.rs"]
mod lost_log;
#[path = "crash/lost_parts.rs"]
mod lost_parts;
#[path = "crash/misplaced.rs"]
mod misplaced;
#[path = "crash/missing_tables.rs"]
mod missing_tables;
#[path = "crash/observer.rs"]
mod observer;
#[path = "crash/operation.rs"]
mod operation;
#[path = "crash/pause.rs"]
mod pause;
#[path = "crash/refusals.rs"]
mod refusals;
#[path = "crash/refusing_disk.rs"]
mod refusing_disk;
#[path = "crash/remains.rs"]
mod remains;
#[path = "crash/removed.rs"]
mod removed;
#[path = "crash/segment.rs"]
mod segment;
#[path = "crash/set_aside.rs"]
mod set_aside;
#[path = "crash/slow_disk.rs"]
mod slow_disk;
#[path = "crash/small_disk.rs"]
mod small_disk;
#[path = "crash/subject.rs"]
mod subject;
mod support;
#[path = "crash/twin.rs"]
mod twin;
#[path = "crash/twins.rs"]
mod twins;
#[path = "crash/writer.rs"]
mod writer;
