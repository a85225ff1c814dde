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

fn all_kinds() -> Vec<Operation> {
    let condition = Condition {
        value: Some(Bytes::from_static(b"old")),
        index: 9,
    };
    let value = Bytes::from_static(b"v");
    let file = Content::File(value.clone());
    vec![
        Operation::Set {
            path: path("/a"),
            content: file.clone(),
            lifetime: None,
            refresh: false,
        },
        Operation::Set {
            path: path("/a"),
            content: Content::Directory,
            lifetime: None,
            refresh: true,
        },
        Operation::Create {
            path: path("/a/b"),
            content: file.clone(),
            lifetime: None,
        },
        Operation::CreateInOrder {
            parent: path("/"),
            content: file,
            lifetime: None,
        },
        Operation::Update {
            path: path("/a"),
            value: value.clone(),
            lifetime: None,
            refresh: true,
        },
        Operation::CompareAndSwap {
            path: path("/a"),
            condition: condition.clone(),
            value: Bytes::new(),
            lifetime: None,
            refresh: false,
        },
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
    ]
}

#[test]
fn every_kind_comes_back_as_it_was() {
    let operations = all_kinds();
    let data = Proposal::new(&operations, None).stamp(&stamp());
    let command = Command::decode(&data).expect("what was encoded decodes");
    assert_eq!(
        command,
        Command {
            stamp: stamp(),
            operations
        }
    );
}

#[test]
fn a_relative_ttl_becomes_a_lifetime_of_the_stamp() {
    let set = Operation::Set {
        path: path("/a"),
        content: Content::Directory,
        lifetime: None,
        refresh: false,
    };
    let data = Proposal::new(&[set], Some(5)).stamp(&stamp());
    let command = Command::decode(&data).expect("decodes");
    let Operation::Set { lifetime, .. } = &command.operations[0] else {
        panic!("not a set")
    };
    let five_seconds = 5_000_000_000;
    assert_eq!(
        *lifetime,
        Some(Lifetime {
            expiration: 2_000 + five_seconds,
            deadline: 1_000 + five_seconds
        })
    );
}

#[test]
fn the_layout_is_fixed() {
    let delete = Operation::Delete {
        path: path("/a"),
        dir: false,
        recursive: true,
    };
    let data = Proposal::new(&[delete], None).stamp(&stamp());
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
fn only_an_expiry_with_a_bound_in_bytes_is_of_version_2() {
    let encoded = |operations: &[Operation]| Proposal::new(operations, None).stamp(&stamp());
    for operation in all_kinds() {
        let bounded = matches!(operation, Operation::Expire { bytes: Some(_), .. });
        let data = encoded(&[operation]);
        assert_eq!(data[0], 1 + u8::from(bounded));
    }
    let expiry = |bytes| Operation::Expire {
        cutoff: 12,
        limit: 1000,
        bytes,
    };
    let mut data = encoded(&[expiry(Some(8))]);
    data[0] = 1;
    let command = Command::decode(&data).expect("decodes");
    assert_eq!(
        command.operations,
        [expiry(None)],
        "version 1 has no such bound"
    );
}

#[test]
fn damaged_bytes_are_errors_and_never_panics() {
    let good = Proposal::new(&all_kinds(), Some(1)).stamp(&stamp());
    for length in 0..good.len() {
        let _ = Command::decode(&good[..length]);
    }
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            let _ = Command::decode(&bad);
        }
    }
    assert_eq!(Command::decode(&good[..10]), Err(DecodeError::TooShort(10)));
    let mut newer = good;
    for version in [0, 3, 255] {
        newer[0] = version;
        let refused = Err(DecodeError::NewerVersion(version));
        assert_eq!(Command::decode(&newer), refused);
    }
}

#[test]
fn the_largest_command_fits_one_record_of_the_log() {
    const { assert!(MAX_BYTES < wal::PAYLOAD_BYTES_MAX) };
}
