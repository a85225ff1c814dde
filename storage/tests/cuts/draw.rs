//! Draws commands over few names and few instants, so that they meet: renewals, deadlines that
//! coincide, directories that go and come back, rows without a node.

use bytes::Bytes;
use storage::{
    Condition, Content, KeyPath, Lifetime, Operation, Retention, Store, Write, WriteMode,
};

use super::random::Random;

/// One log entry.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) index: u64,
    pub(crate) cluster_time: u64,
    pub(crate) operations: Vec<Operation>,
}

const DIRECTORIES: [&str; 5] = ["/d", "/e", "/d/s", "/_h", "/e/t/u"];

/// Draws with sight of the store that applies one entry at a time, so that comparisons can hold.
pub(crate) struct Draw {
    pub(crate) random: Random,
    index: u64,
    now: u64,
}

impl Draw {
    pub(crate) fn new(random: Random) -> Self {
        Self {
            random,
            index: 0,
            now: 100,
        }
    }

    /// The next commands: one, or a few that belong together.
    pub(crate) fn commands(&mut self, store: &Store) -> Vec<Command> {
        let groups = match self.random.weighted(&[62, 12, 8, 8, 4, 6]) {
            0 => {
                let count = self.random.pick(&[1, 1, 1, 2, 4]);
                vec![(0..count).map(|_| self.operation(store)).collect()]
            }
            1 => self.subtree(),
            2 => self.renewals(),
            3 => self.lapsing(),
            4 => self.drained(),
            _ => vec![vec![self.expire()]],
        };
        groups.into_iter().map(|group| self.issue(group)).collect()
    }

    fn issue(&mut self, operations: Vec<Operation>) -> Command {
        self.index += self.random.pick(&[1, 1, 1, 2]);
        self.now += self.random.below(3);
        Command {
            index: self.index,
            cluster_time: self.now,
            operations,
        }
    }

    /// A directory with children that have deadlines, and mostly its removal.
    fn subtree(&mut self) -> Vec<Vec<Operation>> {
        let top = self.random.pick(&DIRECTORIES);
        let mut groups: Vec<_> = (0..self.random.between(1, 12))
            .map(|child| {
                let lifetime = self.lifetime(90);
                vec![set(&format!("{top}/{child}"), "v", lifetime)]
            })
            .collect();
        let path = path(top);
        if self.random.percent(30) {
            let lifetime = self.lifetime(100);
            groups.push(vec![Operation::Write(Write {
                path: path.clone(),
                mode: WriteMode::Update,
                content: Content::File(Bytes::new()),
                lifetime,
                refresh: false,
            })]);
        }
        if self.random.percent(70) {
            groups.push(vec![Operation::Delete {
                path,
                dir: true,
                recursive: true,
            }]);
        }
        groups
    }

    /// One key whose deadline moves a few times, to the same or another, and an expiry right
    /// behind.
    fn renewals(&mut self) -> Vec<Vec<Operation>> {
        let path = self.path();
        let mut groups: Vec<_> = (0..self.random.between(1, 4))
            .map(|_| {
                let (lifetime, refresh) = (self.lifetime(90), self.random.percent(50));
                let path = path.clone();
                let (content, value) = (Content::File("r".into()), Bytes::from("r"));
                vec![if self.random.percent(50) {
                    Operation::Write(Write {
                        path,
                        mode: WriteMode::Set,
                        content,
                        lifetime,
                        refresh,
                    })
                } else {
                    Operation::Write(Write {
                        path,
                        mode: WriteMode::Update,
                        content: Content::File(value),
                        lifetime,
                        refresh,
                    })
                }]
            })
            .collect();
        groups.push(vec![self.expire()]);
        groups
    }

    /// A directory that lapses before some of its children; then what is left, with something new
    /// before it.
    fn lapsing(&mut self) -> Vec<Vec<Operation>> {
        let top = self.random.pick(&DIRECTORIES);
        let until = |deadline| Lifetime {
            expiration: deadline + 1_000_000,
            deadline,
        };
        let now = self.now;
        let mut groups: Vec<_> = (0..self.random.between(1, 5))
            .map(|child| {
                let lifetime = until(now + self.random.below(10));
                vec![set(&format!("{top}/{child}"), "v", Some(lifetime))]
            })
            .collect();
        groups.push(vec![Operation::Write(Write {
            path: path(top),
            mode: WriteMode::Update,
            content: Content::File(Bytes::new()),
            lifetime: Some(until(now)),
            refresh: false,
        })]);
        groups.push(vec![Operation::Expire {
            cutoff: now + self.random.below(4),
            limit: 1_000,
            bytes: None,
        }]);
        let early = until(now - 1 + self.random.below(4));
        groups.push(vec![set_at(self.path(), "v", Some(early))]);
        groups.push(vec![self.expire()]);
        groups
    }

    /// Everything lapses; then two new keys, with deadlines before and behind those of what went.
    fn drained(&mut self) -> Vec<Vec<Operation>> {
        let top = self.random.pick(&DIRECTORIES);
        let now = self.now;
        let one = |name: &str, deadline| {
            let lifetime = Lifetime {
                expiration: deadline + 1_000_000,
                deadline,
            };
            vec![set(&format!("{top}/{name}"), "v", Some(lifetime))]
        };
        let all = vec![Operation::Expire {
            cutoff: now + 1_000,
            limit: 1_000,
            bytes: None,
        }];
        let children = self.random.between(1, 9);
        let mut groups: Vec<_> = (0..children)
            .map(|child| one(&child.to_string(), now + 20 + child))
            .collect();
        groups.extend([all.clone(), all.clone(), all.clone()]);
        groups.extend([one("early", now + 10), one("late", now + 40), all]);
        groups
    }

    fn expire(&mut self) -> Operation {
        let ahead = match self.random.percent(20) {
            true => 1_000,
            false => self.random.below(14),
        };
        Operation::Expire {
            cutoff: (self.now + ahead).saturating_sub(4),
            limit: self.random.pick(&[0, 1, 2, 3, 1_000, 1_000]),
            bytes: self.random.pick(&[None, None, Some(0), Some(12), Some(40)]),
        }
    }

    /// Few instants, so that many nodes lapse at one.
    fn lifetime(&mut self, chance: u64) -> Option<Lifetime> {
        let deadline = self.now + self.random.below(12);
        self.random.percent(chance).then_some(Lifetime {
            expiration: deadline + 1_000_000,
            deadline,
        })
    }

    fn path(&mut self) -> KeyPath {
        let child = self.random.below(12);
        let text = match self.random.weighted(&[10, 60, 15, 8, 4, 1]) {
            0 => self.random.pick(&DIRECTORIES).to_owned(),
            1 => format!("{}/{child}", self.random.pick(&DIRECTORIES)),
            2 => format!("/{child}"),
            3 => format!("/d/{child}/below"),
            4 => self
                .random
                .pick(&["/_etcd/machines/m", "/_etcd/config", "/_etcd/own"])
                .to_owned(),
            _ => "/".to_owned(),
        };
        path(&text)
    }

    fn operation(&mut self, store: &Store) -> Operation {
        let (path, refresh) = (self.path(), self.random.percent(10));
        let value = Bytes::from(self.random.pick(&["", "a", "b", "longer than the others"]));
        let lifetime = self.lifetime(50);
        let content = if self.random.percent(20) {
            Content::Directory
        } else {
            Content::File(value.clone())
        };
        match self
            .random
            .weighted(&[22, 8, 6, 10, 8, 12, 5, 14, 3, 4, 6, 2])
        {
            0 => Operation::Write(Write {
                path,
                mode: WriteMode::Set,
                content,
                lifetime,
                refresh,
            }),
            1 => Operation::Write(Write {
                path,
                mode: WriteMode::Create,
                content,
                lifetime,
                refresh: false,
            }),
            2 => Operation::Write(Write {
                path,
                mode: WriteMode::CreateInOrder,
                content,
                lifetime,
                refresh: false,
            }),
            3 => Operation::Write(Write {
                path,
                mode: WriteMode::Update,
                content: Content::File(value),
                lifetime,
                refresh,
            }),
            4 => Operation::Write(Write {
                mode: WriteMode::CompareAndSwap(self.condition(store, &path)),
                path,
                content: Content::File(value),
                lifetime,
                refresh,
            }),
            5 => Operation::Delete {
                path,
                dir: self.random.percent(70),
                recursive: self.random.percent(60),
            },
            6 => Operation::CompareAndDelete {
                condition: self.condition(store, &path),
                path,
            },
            7 => self.expire(),
            8 => Operation::System {
                path: self::path(self.random.pick(&["/_etcd/machines/m", "/_etcd/config"])),
                value: self.random.percent(80).then_some(value),
            },
            9 => Operation::Record {
                key: Bytes::from(self.random.pick(&["one", "two"])),
                value: self.random.percent(80).then_some(value),
            },
            10 => Operation::Retain(Retention {
                events: self.random.pick(&[0, 1, 5, 30, 1_000_000]),
                bytes: self.random.pick(&[0, 20, 200, 1 << 30]),
            }),
            _ => Operation::Unless {
                key: Bytes::from(self.random.pick(&["one", "two"])),
            },
        }
    }

    /// Mostly one that holds.
    fn condition(&mut self, store: &Store, path: &KeyPath) -> Condition {
        let (node, revision) = store.get(path).expect("readable");
        let node = node.ok();
        let right = self.random.percent(70);
        let value = match &node {
            Some(node) if right => node.value.clone().unwrap_or_default(),
            _ => "a".into(),
        };
        let index = node
            .filter(|_| right)
            .map_or(revision, |node| node.modified);
        let which = self.random.below(3);
        Condition {
            value: (which != 0).then_some(value),
            index: if which == 1 { 0 } else { index },
        }
    }
}

fn path(text: &str) -> KeyPath {
    KeyPath::new(text.as_bytes().to_vec()).expect("a canonical path")
}

fn set(at: &str, value: &str, lifetime: Option<Lifetime>) -> Operation {
    set_at(path(at), value, lifetime)
}

fn set_at(path: KeyPath, value: &str, lifetime: Option<Lifetime>) -> Operation {
    Operation::Write(Write {
        path,
        mode: WriteMode::Set,
        content: Content::File(Bytes::copy_from_slice(value.as_bytes())),
        lifetime,
        refresh: false,
    })
}
