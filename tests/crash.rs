//! What survives: real server processes that are killed, cut, damaged, starved of disk space and started on the wrong
//! directory, and what they must still serve or refuse (F1, F3, F4, F5, F8 of the fault list).
//!
//! Every test prints its seed when it fails. `CRASH_SEED` replays one; `CRASH_ROUNDS` and `CRASH_CUTS` lengthen the runs:
//! `CRASH_ROUNDS=100 CRASH_CUTS=500 cargo test --test crash`.
//! `TEST_SERVER=debian cargo test --test crash kill` runs the kill rounds against Debian's etcd 3.4, which keeps F1.

#[path = "crash/cuts.rs"]
mod cuts;
#[path = "crash/damage.rs"]
mod damage;
#[path = "crash/disk_full.rs"]
mod disk_full;
#[path = "crash/event.rs"]
mod event;
#[path = "crash/history.rs"]
mod history;
#[path = "crash/kill.rs"]
mod kill;
#[path = "crash/ledger.rs"]
mod ledger;
#[path = "crash/observer.rs"]
mod observer;
#[path = "crash/operation.rs"]
mod operation;
#[path = "crash/refusals.rs"]
mod refusals;
#[path = "crash/segment.rs"]
mod segment;
#[path = "crash/subject.rs"]
mod subject;
mod support;
#[path = "crash/writer.rs"]
mod writer;
