use storage::operation::{Condition, Content, Lifetime, Retention, Write, WriteMode};
use storage::path::KeyPath;

use super::*;

fn stamp() -> Stamp {
    Stamp {
        request: 7,
        cluster_time: 1_000,
        wall: 2_000,
        behind: 0,
        boot: 3,
        boottime: 4,
    }
}

fn path(text: &str) -> KeyPath {
    KeyPath::new(text.as_bytes().to_vec()).expect("a canonical path")
}

pub(super) fn all_kinds() -> Vec<Operation<Ttl>> {
    let condition = Condition {
        value: Some(Bytes::from_static(b"old")),
        index: 9,
    };
    let value = Bytes::from_static(b"v");
    let file = Content::File(value.clone());
    vec![
        Operation::Write(Write::new(path("/a"), WriteMode::Set, file.clone())),
        Operation::Write(Write {
            path: path("/a"),
            mode: WriteMode::Set,
            content: Content::Directory,
            lifetime: None,
            refresh: true,
        }),
        Operation::Write(Write::new(path("/a/b"), WriteMode::Create, file.clone())),
        Operation::Write(Write::new(path("/"), WriteMode::CreateInOrder, file)),
        Operation::Write(Write {
            path: path("/a"),
            mode: WriteMode::Update,
            content: Content::File(value.clone()),
            lifetime: None,
            refresh: true,
        }),
        Operation::Write(Write::new(
            path("/a"),
            WriteMode::CompareAndSwap(condition.clone()),
            Content::File(Bytes::new()),
        )),
        Operation::Delete {
            path: path("/a"),
            dir: true,
            recursive: false,
        },
        Operation::CompareAndDelete {
            path: path("/a"),
            condition,
        },
        Operation::Expire {
            cutoff: 12,
            limit: 1000,
            bytes: None,
        },
        Operation::Expire {
            cutoff: 12,
            limit: 1000,
            bytes: Some(8 << 20),
        },
        Operation::System {
            path: path("/_etcd/config"),
            value: Some(value.clone()),
        },
        Operation::System {
            path: path("/_etcd/config"),
            value: None,
        },
        Operation::Record {
            key: Bytes::from_static(b"member/1"),
            value: Some(value),
        },
        Operation::Retain(Retention {
            events: 1000,
            bytes: 1 << 30,
        }),
        Operation::Unless {
            key: Bytes::from_static(b"cluster"),
        },
    ]
}

pub(super) fn entry(operation: &Operation<Ttl>) -> Bytes {
    Proposal::new(operation).stamp(&stamp()).into()
}

/// What the operation is once it is stamped.
pub(super) fn stamped(operation: Operation<Ttl>) -> Operation {
    operation.with_lifetime(|ttl| Some(ttl.from(&stamp(), 0)))
}

#[test]
fn every_kind_comes_back_as_it_was() {
    for mut operation in all_kinds() {
        for ttl in [None, Ttl::new(5)] {
            if let Operation::Write(write) = &mut operation {
                write.lifetime = ttl;
            }
            let command = Command::decode(entry(&operation), 0).expect("what was encoded decodes");
            let operations = vec![stamped(operation.clone())];
            let stamp = stamp();
            assert_eq!(
                command,
                Command {
                    stamp,
                    operations,
                    change: None
                }
            );
        }
    }
}

#[test]
fn several_operations_of_the_server_are_one_command() {
    let own = || {
        [
            ServerOperation::Record {
                key: Bytes::from_static(b"member/1"),
                value: None,
            },
            ServerOperation::Retain(Retention::default()),
        ]
    };
    let data = Proposal::of_server(&own()).stamp(&stamp());
    let command = Command::decode(data.into(), 0).expect("decodes");
    assert_eq!(
        command.operations,
        [
            Operation::Record {
                key: Bytes::from_static(b"member/1"),
                value: None
            },
            Operation::Retain(Retention::default())
        ]
    );
}

#[test]
fn a_relative_ttl_becomes_a_lifetime_of_the_stamp() {
    let lifetime = |seconds: u64| Ttl::new(seconds).map(|ttl| ttl.from(&stamp(), 0));
    let five_seconds = 5_000_000_000;
    assert_eq!(
        lifetime(5),
        Some(Lifetime {
            expiration: 2_000 + five_seconds,
            deadline: 1_000 + five_seconds
        })
    );
    // The store has come further than the clock of this leader: a TTL counts from there, and is shown as ever.
    let counted = Ttl::new(5).map(|ttl| ttl.from(&stamp(), 1_700));
    assert_eq!(
        counted,
        Some(Lifetime {
            expiration: 2_000 + five_seconds,
            deadline: 1_700 + five_seconds
        })
    );
    assert_eq!(lifetime(3_155_760_001), None, "no front end takes it");
    // An entry may say anything.
    let longest = Ttl::at_most(u64::MAX).from(&stamp(), 0);
    assert_eq!(longest.deadline, 1_000 + 3_155_760_000_000_000_000);
    let late = Stamp {
        wall: u64::MAX,
        ..stamp()
    };
    assert_eq!(Ttl::MAX.from(&late, 0).expiration, u64::MAX);
}

#[test]
fn the_layout_is_fixed() {
    let delete = Operation::Delete {
        path: path("/a"),
        dir: false,
        recursive: true,
    };
    let data = entry(&delete);
    let mut expected = vec![1, 0, 0, 0, 0, 0, 0, 0];
    for field in [7u64, 1_000, 2_000, 3, 4] {
        expected.extend(field.to_le_bytes());
    }
    // field 1 (message, 8 bytes): kind 6, path "/a", recursive
    expected.extend([0x0a, 8, 0x08, 6, 0x12, 2, b'/', b'a', 0x30, 1]);
    assert_eq!(data, expected);
}

/// A release that does not know the bound would remove more than the leader did: it must refuse the entry.
#[test]
fn only_what_earlier_versions_do_not_know_is_of_a_later_one() {
    for operation in all_kinds() {
        let version = match operation {
            Operation::Expire { bytes: Some(_), .. } => 2,
            Operation::Unless { .. } => 3,
            _ => 1,
        };
        assert_eq!(entry(&operation)[0], version);
    }
    let unless = ServerOperation::Unless {
        key: Bytes::from_static(b"cluster"),
    };
    let several = [ServerOperation::Retain(Retention::default()), unless];
    let mut data = Proposal::of_server(&several).stamp(&stamp());
    assert_eq!(data[0], 3, "the highest of them counts");
    data[0] = 2;
    let refused = DecodeError::Malformed("operation kind 12 in an entry of format 2".into());
    assert_eq!(Command::decode(data.into(), 0), Err(refused));
    fn expiry<L>(bytes: Option<u64>) -> Operation<L> {
        Operation::Expire {
            cutoff: 12,
            limit: 1000,
            bytes,
        }
    }
    let mut data = Vec::from(entry(&expiry(Some(8))));
    data[0] = 1;
    let command = Command::decode(data.into(), 0).expect("decodes");
    assert_eq!(
        command.operations,
        [expiry(None)],
        "version 1 has no such bound"
    );
}

#[test]
fn damaged_bytes_are_errors_and_never_panics() {
    for operation in all_kinds() {
        let good = Vec::from(entry(&operation));
        for length in 0..good.len() {
            let _ = Command::decode(good[..length].to_vec().into(), 0);
        }
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                let _ = Command::decode(bad.into(), 0);
            }
        }
        let short = Command::decode(good[..10].to_vec().into(), 0);
        assert_eq!(short, Err(DecodeError::TooShort(10)));
        for version in [0, NEWEST + 1, 255] {
            let mut newer = good.clone();
            newer[0] = version;
            let refused = Err(DecodeError::NewerVersion(version));
            assert_eq!(Command::decode(newer.into(), 0), refused);
        }
    }
}

#[test]
fn the_largest_command_fits_one_record_of_the_log() {
    const { assert!(MAX_BYTES < wal::PAYLOAD_BYTES_MAX) };
}
