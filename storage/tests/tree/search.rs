//! A search in steps finds what a scan of all events finds, and for a rarely changed path without the
//! scan's cost.
//!
//! `STORAGE_SEED` replays one case, `STORAGE_CASES` sets how many are run.

use storage::{
    Bounds, Content, Error, Event, EventFilter, KeyPath, Operation, Retention, Search,
    StoreOptions, View, Write, WriteMode,
};

use crate::random::Random;
use crate::support::{Tree, create, delete, file, options, path, set, set_until, until};

const CASES: u64 = 24;
const QUESTIONS: u64 = 30;

/// The scan: what the search has to find.
fn scanned(view: &View<'_>, filter: &EventFilter, from: u64, until: u64) -> Vec<Event> {
    view.events(from, filter.clone())
        .map(|event| event.expect("readable"))
        .take_while(|event| event.revision <= until)
        .collect()
}

/// Few names, so that paths are files and directories in turn, are removed and made again.
fn place(random: &mut Random) -> String {
    let depth = random.between(1, 4);
    let names = ["a", "b", "_h", "c", "d.", "d"];
    (0..depth)
        .map(|_| format!("/{}", random.pick(&names)))
        .collect()
}

struct Case {
    random: Random,
    tree: Tree,
    time: u64,
    /// Where most of what happens happens for a while: what is sought is rare for long stretches.
    focus: String,
}

impl Case {
    fn new(seed: u64) -> Self {
        let bounds = Bounds {
            point_deletes: 3,
            events_step: 16,
            ..Bounds::default()
        };
        let options = StoreOptions {
            in_memory: true,
            bounds,
            ..options()
        };
        Self {
            random: Random::new(seed),
            tree: Tree::open("memory".as_ref(), options),
            time: 0,
            focus: String::new(),
        }
    }

    fn operation(&mut self) -> Operation {
        let random = &mut self.random;
        self.time += 1;
        let within = if random.percent(97) {
            self.focus.as_str()
        } else {
            ""
        };
        let at = format!("{within}{}", place(random));
        let lapses = self.time + random.between(1, 40);
        match random.weighted(&[40, 12, 10, 8, 6, 6, 8, 4, 2]) {
            0 => set(&at, "v"),
            1 => set_until(&at, "t", lapses),
            2 => create(&at, None),
            3 => delete(&at),
            4 => Operation::Write(Write::new(path(&at), WriteMode::CreateInOrder, file("o"))),
            // The TTL of a directory, or a refresh: a revision that wakes nobody.
            5 => Operation::Write(Write {
                path: path(&at),
                mode: WriteMode::Update,
                content: Content::File("".into()),
                lifetime: until(lapses),
                refresh: random.percent(50),
            }),
            6 => Operation::Expire {
                cutoff: self.time,
                limit: 5,
                bytes: random.percent(30).then_some(12),
            },
            7 => Operation::System {
                path: path("/_etcd/config"),
                value: Some(self.time.to_string().into()),
            },
            _ => delete(&place(random)),
        }
    }

    fn happen(&mut self, operations: u64) {
        for _ in 0..operations {
            if self.random.percent(1) && self.random.percent(30) {
                self.focus = match self.random.below(3) {
                    0 => String::new(),
                    1 => "/other/place".to_owned(),
                    _ => place(&mut self.random),
                };
            }
            let operation = self.operation();
            self.tree.one(operation);
        }
    }

    /// Moves the oldest event, and removes what lies below it.
    fn forget(&mut self) {
        let newest = self.tree.store.revision();
        let oldest_event = self.tree.store.oldest_event();
        let events = (newest - oldest_event)
            .saturating_sub(self.random.below(400))
            .max(1);
        self.tree.one(Operation::Retain(Retention {
            events,
            bytes: u64::MAX,
        }));
        self.tree.compact(64);
        if self.random.percent(30) {
            self.tree.store.compact_tables().expect("compacts");
        }
    }

    fn question(&mut self) -> (EventFilter, u64, u64) {
        let (oldest_event, newest) = (self.tree.store.oldest_event(), self.tree.store.revision());
        let random = &mut self.random;
        let at = match random.below(8) {
            0 => "/".to_owned(),
            1 => "/_etcd/config".to_owned(),
            2 => format!("/other/place{}", place(random)),
            _ => place(random),
        };
        let filter = EventFilter::new(&path(&at), random.percent(50));
        let filter = if random.percent(50) {
            filter.without_refreshes()
        } else {
            filter
        };
        let from = random.between(oldest_event, newest);
        let from = if random.percent(50) {
            oldest_event
        } else {
            from
        };
        let until = if random.percent(70) {
            newest
        } else {
            random.between(from, newest)
        };
        (filter, from, until)
    }

    /// Searches in steps, with time passing between them, and compares.
    fn ask(&mut self) {
        let (filter, from, until) = self.question();
        let store = self.tree.store.clone();
        let wanted = {
            let lease = store.lease().expect("open");
            scanned(&lease.view(), &filter, from, until)
        };
        let what = format!("{filter:?} from {from} to {until}");
        let mut search = Search::new(filter, from, until);
        let mut found = Vec::new();
        while !search.is_finished() {
            let rows = self.random.pick(&[0, 1, 7, 100, 1_000, 100_000]);
            let before = search.next();
            let lease = store.lease().expect("open");
            let view = lease.view();
            let step: Result<Vec<Event>, Error> =
                view.search(&mut search, rows).and_then(Iterator::collect);
            match step {
                Ok(events) => found.extend(events),
                Err(Error::Compacted {
                    oldest_event,
                    revision,
                }) => {
                    assert!(revision < oldest_event, "{what}");
                    assert_eq!(found[..], wanted[..found.len()], "{what}");
                    return;
                }
                Err(error) => panic!("{what}: {error}"),
            }
            assert!(search.next() >= before, "{what}: it never goes back");
            drop(view);
            drop(lease);
            if let Some(last) = found.pop_if(|_| self.random.percent(10)) {
                // What was found after it is found again as well: nothing was.
                search.give_back(last.revision);
            }
            if self.random.percent(20) {
                self.happen(3);
            }
            if self.random.percent(2) {
                self.forget();
            }
        }
        assert_eq!(found, wanted, "{what}");
    }
}

#[test]
fn a_search_in_steps_finds_what_a_scan_finds() {
    let number = |name: &str| -> Option<u64> {
        let text = std::env::var(name).ok()?;
        Some(text.parse().expect("a number"))
    };
    let seeds = match number("STORAGE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("STORAGE_CASES").unwrap_or(CASES),
    };
    for seed in seeds {
        println!(
            "seed {seed}; replay: STORAGE_SEED={seed} cargo test -p storage --test tree search -- --nocapture"
        );
        let mut case = Case::new(seed);
        for _ in 0..3 {
            let operations = case.random.between(500, 2_500);
            case.happen(operations);
            (0..QUESTIONS).for_each(|_| case.ask());
            case.forget();
        }
    }
}

/// Searches the whole history with steps of `rows`, and gives what it found and how many steps it took.
fn steps(tree: &Tree, at: &KeyPath, recursive: bool, rows: u64) -> (Vec<u64>, u64) {
    let lease = tree.store.lease().expect("open");
    let view = lease.view();
    let mut search = Search::new(EventFilter::new(at, recursive), 1, view.revision());
    let (mut found, mut steps) = (Vec::new(), 0);
    while !search.is_finished() {
        let step = view.search(&mut search, rows).expect("not compacted");
        found.extend(step.map(|event| event.expect("readable").revision));
        steps += 1;
    }
    (found, steps)
}

#[test]
fn a_rarely_changed_path_does_not_cost_all_history() {
    let mut tree = Tree::in_memory();
    let mut wanted = vec![tree.set("/rare/one/key", "v")];
    for number in 0..6_000 {
        tree.set(&format!("/often/{}", number % 50), "v");
        if number == 3_000 {
            wanted.push(tree.delete("/rare"));
        }
        if number == 4_000 {
            wanted.push(tree.set("/rare/one/key", "v"));
        }
    }
    let one = path("/rare/one/key");
    let (found, cost) = steps(&tree, &one, false, 100);
    assert_eq!(found, wanted);
    assert!(cost <= 6, "one key: {cost} steps of about 100 rows");
    let (found, cost) = steps(&tree, &path("/rare/one"), true, 100);
    assert_eq!(found, wanted);
    assert!(
        (10..20).contains(&cost),
        "a subtree: about a thousand events, then its own versions; {cost} steps"
    );
    let (found, cost) = steps(&tree, &path("/never"), false, 100);
    assert_eq!((found, cost), (vec![], 1));
}

#[test]
fn where_most_of_history_matches_a_search_costs_about_a_scan() {
    let mut tree = Tree::in_memory();
    for number in 0..2_000 {
        tree.set(&format!("/elsewhere/{number}"), "v");
    }
    for number in 0..4_000 {
        tree.set(&format!("/dir/{}", number % 7), "v");
    }
    let (scan, rows) = steps(&tree, &path("/"), true, 1_000);
    assert_eq!(scan.len(), 6_000);
    for (at, recursive) in [("/dir", true), ("/dir/3", false)] {
        let (found, cost) = steps(&tree, &path(at), recursive, 1_000);
        assert_eq!(found.len(), if recursive { 4_000 } else { 571 });
        assert!(cost <= 2 * rows, "{at}: {cost} steps, a scan takes {rows}");
    }
}

#[test]
fn a_search_that_the_oldest_event_has_passed_fails() {
    let mut tree = Tree::in_memory();
    for _ in 0..100 {
        tree.set("/a", "v");
    }
    let mut search = Search::new(EventFilter::new(&path("/a"), false), 1, 100);
    let lease = tree.store.lease().expect("open");
    let view = lease.view();
    let first = view.search(&mut search, 1).expect("kept").next();
    assert_eq!(first.expect("one").expect("readable").revision, 1);
    drop(view);
    tree.one(Operation::Retain(Retention {
        events: 10,
        bytes: u64::MAX,
    }));
    let view = lease.view();
    assert!(matches!(
        view.search(&mut search, 1).err(),
        Some(Error::Compacted {
            oldest_event: 91,
            revision: 2
        })
    ));
}
