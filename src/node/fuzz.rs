//! The identity file and the marker in the store under mutated bytes: what is whole
//! is read as it was written, and anything else is told as damage, never believed. The witness file and the list of
//! missing tables are met beside their decoders.

use std::path::Path;

use fuzz::Campaign;
use wal::fs::sim::SimFs;
use wal::fs::{File as _, Fs as _};

use super::identity_file;
use super::marker::{Installed, Marker};
use crate::command::Stamp;

/// A data directory on a simulated disk, with one file in it.
fn directory(path: &Path, bytes: &[u8]) -> SimFs {
    let fs = SimFs::new(1);
    let home = path.parent().expect("the file stands in a directory");
    fs.create_dir_all(home)
        .expect("an empty disk takes a directory");
    let file = fs.create(path).expect("an empty disk takes a file");
    file.write_all_at(0, bytes).expect("an empty disk has room");
    fs
}

#[test]
fn the_marker_beside_the_applied_index() {
    let marker = Marker {
        term: 3,
        conf_state: raft::eraftpb::ConfState {
            voters: vec![7, 8],
            learners: vec![9],
            ..raft::eraftpb::ConfState::default()
        },
        stamp: Stamp {
            request: 1,
            cluster_time: 2,
            wall: 3,
            behind: 6_000,
            boot: 4,
            boottime: 5,
        },
        witness: Some(vec![1, 2, 3]),
        own: Some(Stamp::default()),
        booted: Some(Stamp::default()),
        disk: 4,
        cluster: 8,
        member: 9,
        installed: Some(Installed { term: 5, vote: 7 }),
    };
    Campaign::new("marker")
        .corpus([marker.encode(), Marker::default().encode(), Vec::new()])
        .memory(64 << 10, 64)
        .run(|bytes| {
            let Ok(marker) = Marker::decode(bytes) else {
                return false;
            };
            // A message may be written in more ways than one; what it says comes back.
            let again = Marker::decode(&marker.encode()).expect("what was written is read");
            assert_eq!(again, marker);
            true
        });
}

#[test]
fn the_file_format() {
    let head = "etcd2 data directory, format ";
    let whole = format!("{head}2\ncluster 0123456789abcdef\nmember 00000000000000ff\n");
    let mend = |bytes: &mut Vec<u8>| {
        let last = bytes.windows(7).rposition(|line| line == b"\ncheck ");
        if let Some(at) = last {
            bytes.truncate(at + 1);
            let check = crc32fast::hash(bytes);
            bytes.extend(format!("check {check:08x}\n").into_bytes());
        }
    };
    let mut written = format!("{whole}check 00000000\n").into_bytes();
    mend(&mut written);
    let first = format!("{head}1\n").into_bytes();
    let home = Path::new("/data");
    Campaign::new("identity file")
        .corpus([written, first])
        .words(&[
            b"\n",
            b"cluster ",
            b"member ",
            b"check ",
            b"2",
            b"4294967295",
            b"+",
        ])
        .mend(mend)
        .memory(64 << 10, 16)
        .run(|bytes| {
            let fs = directory(&identity_file::path(home), bytes);
            match identity_file::read(&fs, home).expect("the disk is well") {
                identity_file::FoundIdentity::Known(identity) => {
                    let text = String::from_utf8_lossy(bytes).to_lowercase();
                    let cluster = format!("{:x}\nmember ", identity.cluster);
                    assert!(text.contains(&cluster), "{text}");
                    true
                }
                identity_file::FoundIdentity::First => true,
                _ => false,
            }
        });
}
