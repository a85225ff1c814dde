//! Draws single operations, aimed at what a model holds: paths that exist or nearly do, conditions
//! that hold or nearly do, deadlines that meet.

use bytes::Bytes;
use storage::{Condition, Content, KeyPath, Lifetime, Operation, Retention, Write, WriteMode};

use super::Model;
use super::random::Random;
use super::tree::Place;

pub(super) const SECOND: u64 = 1_000_000_000;

/// Components at the edges of the key encoding: 00, FF, and the neighbours of the separator 2F;
/// hidden ones; few enough that paths meet again.
const NAMES: &[&[u8]] = &[
    b"a",
    b"b",
    b"_h",
    b".",
    b"-",
    b"0",
    b"\0",
    b"\xff",
    b"a.",
    b"a-",
    b"a0",
    b"a\0",
    b"a\xff",
    b"\0\0",
    b"\x01",
    b"\xff\xff",
    b"_",
    b"b_",
    b"..",
    b"\x2e\x30",
    b"_etcd",
    b"ab",
];

/// Paths that belong to the server, and their neighbours that do not.
const SERVER: &[&str] = &[
    "/_etcd",
    "/_etcd/machines",
    "/_etcd/machines/a",
    "/_etcd/machines/a/b",
    "/_etcd/config",
    "/_etcd/config/x",
    "/_etcd/configs",
    "/_etcd/machines-",
    "/_etcd/registry/t",
    "/_etcd",
];

/// A source of operations at one instant.
pub(super) struct Draw {
    pub(super) random: Random,
    /// Cluster time, ns.
    pub(super) now: u64,
}

impl Draw {
    pub(super) fn operation(&mut self, model: &Model) -> Operation {
        let path = self.path(model, 70);
        match self
            .random
            .weighted(&[18, 5, 4, 7, 6, 8, 3, 9, 3, 13, 6, 7, 5, 3, 2])
        {
            0 => Operation::Write(Write {
                path,
                mode: WriteMode::Set,
                content: self.file(),
                lifetime: self.lifetime(25),
                refresh: false,
            }),
            1 => Operation::Write(Write {
                path,
                mode: WriteMode::Set,
                content: Content::Directory,
                lifetime: self.lifetime(40),
                refresh: false,
            }),
            2 => {
                let content = if self.random.percent(20) {
                    Content::Directory
                } else {
                    Content::File(Bytes::new())
                };
                Operation::Write(Write {
                    path,
                    mode: WriteMode::Set,
                    content,
                    lifetime: self.lifetime(100),
                    refresh: true,
                })
            }
            3 => {
                let path = self.path(model, 15);
                Operation::Write(Write {
                    path,
                    mode: WriteMode::Create,
                    content: self.content(),
                    lifetime: self.lifetime(30),
                    refresh: false,
                })
            }
            4 => {
                let parent = if self.random.percent(10) {
                    KeyPath::root()
                } else {
                    path
                };
                Operation::Write(Write {
                    path: parent,
                    mode: WriteMode::CreateInOrder,
                    content: self.content(),
                    lifetime: self.lifetime(20),
                    refresh: false,
                })
            }
            5 => {
                let value = if self.random.percent(50) {
                    Bytes::new()
                } else {
                    self.value()
                };
                Operation::Write(Write {
                    path,
                    mode: WriteMode::Update,
                    content: Content::File(value),
                    lifetime: self.lifetime(50),
                    refresh: false,
                })
            }
            6 => Operation::Write(Write {
                path,
                mode: WriteMode::Update,
                content: Content::File(Bytes::new()),
                lifetime: self.lifetime(100),
                refresh: true,
            }),
            7 => {
                let (condition, value) = (self.condition(model, &path), self.value());
                Operation::Write(Write {
                    path,
                    mode: WriteMode::CompareAndSwap(condition),
                    content: Content::File(value),
                    lifetime: self.lifetime(25),
                    refresh: false,
                })
            }
            8 => {
                let (condition, lifetime) = (self.condition(model, &path), self.lifetime(100));
                Operation::Write(Write {
                    path,
                    mode: WriteMode::CompareAndSwap(condition),
                    content: Content::File(Bytes::new()),
                    lifetime,
                    refresh: true,
                })
            }
            9 => {
                let (dir, recursive) =
                    self.random
                        .pick(&[(false, false), (true, false), (false, true), (true, true)]);
                Operation::Delete {
                    path,
                    dir,
                    recursive,
                }
            }
            10 => {
                let condition = self.condition(model, &path);
                Operation::CompareAndDelete { path, condition }
            }
            11 => self.expiry(model),
            12 => self.system(),
            13 => self.record(),
            _ => self.retention(),
        }
    }

    /// Some directory, if there is one.
    pub(super) fn directory(&mut self, model: &Model) -> Option<KeyPath> {
        let directories = model.tree.entries().filter(|(_, entry)| entry.is_dir());
        let directories: Vec<_> = directories.map(|(place, _)| place).collect();
        (!directories.is_empty()).then(|| self.random.pick(&directories).path())
    }

    /// A directory that goes with all below it, and some of that is there again in the same
    /// command, with other deadlines than before (store-layout 5.3, 5.5 and 5.15); then, often,
    /// what is due expires.
    pub(super) fn rebirth(&mut self, model: &Model, path: KeyPath) -> Vec<Operation> {
        let top = Place::of(&path);
        let below: Vec<_> = model.tree.below(&top).map(|(_, place, _)| place).collect();
        let mut again = vec![path.child(&self.name(model))];
        if !below.is_empty() {
            again.extend((0..3).map(|_| self.random.pick(&below).path()));
        }
        let mut operations = vec![Operation::Delete {
            path,
            dir: true,
            recursive: true,
        }];
        operations.extend(again.into_iter().map(|path| {
            let (content, lifetime) = (self.content(), self.lifetime(60));
            Operation::Write(Write {
                path,
                mode: WriteMode::Set,
                content,
                lifetime,
                refresh: false,
            })
        }));
        if self.random.percent(60) {
            operations.push(Operation::Expire {
                cutoff: self.now,
                limit: u32::MAX,
                bytes: None,
            });
        }
        operations
    }

    /// Mostly what exists, when `existing` (percent) says so, else something near it or new.
    pub(super) fn path(&mut self, model: &Model, existing: u64) -> KeyPath {
        if self.random.percent(3) {
            return KeyPath::new(self.random.pick(SERVER).as_bytes())
                .expect("the list holds paths");
        }
        if self.random.percent(2) {
            return KeyPath::root();
        }
        let known = match model.tree.len() as u64 {
            0 => KeyPath::root(),
            count => {
                let at = self.random.below(count) as usize;
                model
                    .tree
                    .entries()
                    .nth(at)
                    .map(|(place, _)| place.path())
                    .expect("below the count")
            }
        };
        if !known.is_root() && self.random.percent(existing) {
            // Often the directory above, where a single file would do less.
            let above = known
                .parent()
                .filter(|parent| !parent.is_root() && self.random.percent(25));
            return above.unwrap_or(known);
        }
        let start = if self.random.percent(50) {
            KeyPath::root()
        } else {
            known
        };
        let levels = if self.random.percent(5) {
            12
        } else {
            self.random.between(1, 3)
        };
        (0..levels).fold(start, |path, _| path.child(&self.name(model)))
    }

    fn name(&mut self, model: &Model) -> Vec<u8> {
        if self.random.percent(4) {
            // The name that a POST will want soon.
            return format!("{:020}", model.revision + self.random.between(1, 4)).into_bytes();
        }
        let few = if self.random.percent(60) {
            4
        } else {
            NAMES.len()
        };
        self.random.pick(&NAMES[..few]).to_vec()
    }

    fn value(&mut self) -> Bytes {
        let values: [&[u8]; 5] = [b"x", b"y", b"", b"\0\xff/", &[b'v'; 300]];
        Bytes::copy_from_slice(self.random.pick(&values))
    }

    fn file(&mut self) -> Content {
        Content::File(self.value())
    }

    fn content(&mut self) -> Content {
        if self.random.percent(25) {
            Content::Directory
        } else {
            self.file()
        }
    }

    /// Whole seconds, so that deadlines meet; some in the past, for a TTL of 0 lapses with the next
    /// sweep.
    pub(super) fn lifetime(&mut self, chance: u64) -> Option<Lifetime> {
        self.random.percent(chance).then(|| {
            let ahead = self.random.pick(&[0, 0, 1, 2, 5, 60]);
            let deadline = self.now / SECOND * SECOND + ahead * SECOND;
            Lifetime {
                expiration: 1_700_000_000 * SECOND + deadline + self.random.below(SECOND),
                deadline,
            }
        })
    }

    /// Holds more often than not when the path is a file.
    fn condition(&mut self, model: &Model, path: &KeyPath) -> Condition {
        let entry = model.tree.entry(&Place::of(path));
        let value = entry
            .and_then(|entry| entry.value.clone())
            .filter(|value| !value.is_empty());
        let index = entry.map_or(1, |entry| entry.modified);
        let wrong = (Some(Bytes::from_static(b"other")), index + 1);
        let value = if self.random.percent(20) {
            wrong.0
        } else {
            value
        };
        let index = if self.random.percent(20) {
            wrong.1
        } else {
            index
        };
        match self.random.below(7) {
            0..3 => Condition { value: None, index },
            3..5 => Condition { value, index: 0 },
            5 => Condition { value, index },
            _ => Condition::default(),
        }
    }

    fn expiry(&mut self, model: &Model) -> Operation {
        let due = model.tree.deadlines();
        let cutoff = match due.first() {
            Some((earliest, _)) if self.random.percent(70) => *earliest,
            _ => self.now,
        };
        Operation::Expire {
            cutoff,
            limit: self.random.pick(&[1, 2, 3, 100, u32::MAX]),
            bytes: self
                .random
                .pick(&[None, None, Some(0), Some(10), Some(25), Some(1_000)]),
        }
    }

    fn system(&mut self) -> Operation {
        let paths = ["/_etcd/config", "/_etcd/machines/a", "/_etcd/machines/b"];
        let path = KeyPath::new(self.random.pick(&paths).as_bytes()).expect("the list holds paths");
        let value = self
            .random
            .pick(&[Some("u"), Some("u"), Some("v"), None])
            .map(Bytes::from);
        Operation::System { path, value }
    }

    fn record(&mut self) -> Operation {
        let keys: [&[u8]; 5] = [b"m", b"m/1", b"m/2", b"m0", b"\xff"];
        let key = Bytes::copy_from_slice(self.random.pick(&keys));
        if self.random.percent(25) {
            return Operation::Unless { key };
        }
        let value = self.random.percent(70).then(|| self.value());
        Operation::Record { key, value }
    }

    fn retention(&mut self) -> Operation {
        let events = self.random.pick(&[1, 3, 20, 100, 1_000, 1_000_000]);
        let bytes = self
            .random
            .pick(&[2_000, 50_000, 1 << 30, 1 << 30, 1 << 30]);
        Operation::Retain(Retention { events, bytes })
    }
}
