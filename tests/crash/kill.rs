//! F1: `kill -9` at random instants under load. No acknowledged write is lost, none is invented, no acknowledged or
//! observed index is used again, and history tells the same story before and after.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::event::{Event, Tree};
use super::history;
use super::ledger::{Ledger, Told, difference};
use super::observer::Observer;
use super::subject;
use super::support::seed::{self, Rng};
use super::support::server::{Kind, Server};
use super::writer::{Round, Writer};

/// How long the load may take to reach the number of writes at which it is killed.
const LOAD_LIMIT: Duration = Duration::from_secs(60);

/// Connections that write at the same time.
const WRITERS: u64 = 12;

/// Debian's etcd forgets events after 1,000: its rounds, and the last look back, end before that.
const MAX_WRITES_DEBIAN: u64 = 600;
const LOOK_BACK_DEBIAN: u64 = 900;
const MAX_WRITES_OURS: u64 = 2_500;

#[test]
fn kill_under_load() {
    let seed = seed::from_env("CRASH_SEED");
    let rounds = seed::number_from_env("CRASH_ROUNDS", 5);
    println!(
        "replay: CRASH_SEED={seed} CRASH_ROUNDS={rounds} cargo test --test crash kill_under_load"
    );
    let mut run = Run::new(seed);
    for round in 0..rounds {
        run.round();
        let ledger = &run.ledger;
        println!(
            "round {round}: {} acknowledged writes, {} of {} unanswered took place, index {}",
            ledger.acknowledged, ledger.unknown_applied, ledger.unknown, run.index
        );
    }
    run.finish();
}

/// One data directory and all that is known about it from outside.
struct Run {
    rng: Rng,
    server: Server,
    writers: Vec<Writer>,
    ledger: Ledger,
    /// The first index of the run.
    first: u64,
    /// Up to where history is checked.
    index: u64,
}

impl Run {
    fn new(seed: u64) -> Run {
        let mut rng = Rng::new(seed);
        // Few un-flushed entries put flushes and log releases between the kills, many put long replays there.
        let snapshot_count = *rng.pick(&[100, 1_000, 100_000]);
        println!("at most {snapshot_count} entries are not flushed");
        let server = subject::launch(snapshot_count).start();
        let (tree, index) = history::list(&server);
        assert_eq!(tree, Tree::new(), "a new server has keys");
        Run {
            rng,
            server,
            writers: (0..WRITERS)
                .map(|number| Writer::new(seed, number))
                .collect(),
            ledger: Ledger::default(),
            first: index + 1,
            index,
        }
    }

    /// Load, kill, restart, check.
    fn round(&mut self) {
        let round = Round::default();
        let observed = self.load_and_kill(&round);
        if self.rng.chance(30) {
            self.kill_while_starting();
        }
        self.server.restart();
        self.check(round.seen_index.load(Ordering::SeqCst), observed);
    }

    /// Returns the events that the observer was shown.
    fn load_and_kill(&mut self, round: &Round) -> Vec<Event> {
        let most = match self.server.kind() {
            Kind::Ours => MAX_WRITES_OURS,
            Kind::Debian => MAX_WRITES_DEBIAN,
        };
        let target = self.rng.between(1, most);
        // The target fixes the place in the load, the rest the place between two writes.
        let after = Duration::from_micros(self.rng.below(3_000));
        let addr = self.server.addr();
        let observer = Observer::open(addr);
        thread::scope(|scope| {
            let observer = scope.spawn(|| observer.run(round));
            let mut writers = Vec::new();
            for writer in &mut self.writers {
                writers.push(scope.spawn(|| writer.run(addr, round)));
            }
            let began = Instant::now();
            while round.acknowledged.load(Ordering::SeqCst) < target {
                // A writer ends before the kill only by a panic: then there is nothing more to wait for.
                let failed = writers.iter().any(|writer| writer.is_finished());
                if failed || began.elapsed() > LOAD_LIMIT {
                    break;
                }
                thread::sleep(Duration::from_micros(200));
            }
            let reached = Instant::now();
            while reached.elapsed() < after {
                std::hint::spin_loop();
            }
            round.killed.store(true, Ordering::SeqCst);
            self.server.kill();
            for writer in writers {
                if let Err(panic) = writer.join() {
                    std::panic::resume_unwind(panic);
                }
            }
            let done = round.acknowledged.load(Ordering::SeqCst);
            assert!(done >= target, "only {done} writes in {LOAD_LIMIT:?}");
            observer
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// A second crash before the recovery from the first has ended.
    fn kill_while_starting(&mut self) {
        let instant = Instant::now() + Duration::from_micros(self.rng.below(60_000));
        self.server.respawn();
        thread::sleep(instant.saturating_duration_since(Instant::now()));
        self.server.kill();
    }

    fn check(&mut self, seen_index: u64, observed: Vec<Event>) {
        let (_, index) = history::list(&self.server);
        assert!(
            index >= seen_index,
            "X-Etcd-Index {index} after {seen_index}"
        );
        // The first mark ends what the writers did, the second keeps the poll past the listing from waiting.
        history::mark(&self.server);
        let (listed, last) = history::list(&self.server);
        history::mark(&self.server);
        let events = history::poll(&self.server, self.index + 1, last);
        self.index = last;
        let mut told = Told {
            observed,
            ..Told::default()
        };
        for writer in &mut self.writers {
            told.acknowledged.append(&mut writer.acknowledged);
            told.unknown.extend(writer.unknown.take());
        }
        if let Err(contradiction) = self.ledger.check(told, events, &listed) {
            panic!("{contradiction}\n{}", self.server.log_tail());
        }
        for writer in &mut self.writers {
            writer.learn(&self.ledger.tree);
        }
    }

    /// The whole history once more, after all crashes.
    fn finish(self) {
        let (listed, last) = history::list(&self.server);
        history::mark(&self.server);
        let mut events = match self.server.kind() {
            Kind::Ours => history::stream(&self.server, self.first, last),
            Kind::Debian => {
                let first = self.first.max(last.saturating_sub(LOOK_BACK_DEBIAN));
                history::poll(&self.server, first, last)
            }
        };
        // What happened since the last check (the mark, expiries) is not in the ledger.
        events.retain(|event| event.index() <= self.index);
        let oldest = events.first().map_or(self.first, Event::index);
        let recorded = self.ledger.events.range(oldest..).map(|(_, event)| event);
        for (found, recorded) in events.iter().zip(recorded.clone()) {
            assert_eq!(found, recorded, "history is not what it was (right)");
        }
        assert_eq!(events.len(), recorded.count(), "events in history");
        let lasting = |tree: &Tree| -> Tree {
            let mut tree = tree.clone();
            tree.retain(|key, node| node.expiration().is_none() && key != super::ledger::MARK);
            tree
        };
        let (listed, added_up) = (lasting(&listed), lasting(&self.ledger.tree));
        assert!(listed == added_up, "{}", difference(&listed, &added_up));
        println!(
            "{} acknowledged writes checked, {} of {} unanswered ones took place, {} events replayed",
            self.ledger.acknowledged,
            self.ledger.unknown_applied,
            self.ledger.unknown,
            events.len()
        );
    }
}
