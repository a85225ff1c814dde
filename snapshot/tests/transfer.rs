//! A file that arrives in pieces: broken off anywhere, damaged on the way, interrupted by a kill, a
//! power loss or a full disk, it is continued at the last whole block, and what is published is the
//! sender's file byte for byte.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod support;

use std::path::Path;

use snapshot::{Error, Meta, Receiver, SnapshotDirectory};
use support::{Content, for_seeds, meta, sample, sample_file, write};
use wal::fs::Fs;
use wal::fs::sim::{SimFault, SimFs, SplitMix64};

const DIR: &str = "/snapshots";

fn disk() -> SimFs {
    let fs = SimFs::new(1);
    fs.create_dir_all(Path::new(DIR)).unwrap();
    fs.settle();
    fs
}

fn open(fs: &SimFs) -> Receiver<SimFs> {
    Receiver::open(fs.clone(), Path::new(DIR)).unwrap()
}

/// A longer file than the sample: some forty blocks.
fn long_file() -> Vec<u8> {
    let mut content: Vec<Content> = sample();
    content[1]
        .1
        .extend((0..300_u32).map(|n| (n.to_be_bytes().to_vec(), vec![n as u8; 40])));
    write(meta(), &content, 400).0
}

/// Sends `bytes` from where the receiver stands, in pieces of random size.
fn send(
    receiver: &mut Receiver<SimFs>,
    bytes: &[u8],
    random: &mut SplitMix64,
) -> Result<(), Error> {
    let mut at = receiver.offset() as usize;
    while at < bytes.len() {
        let piece = (1 + random.below(900) as usize).min(bytes.len() - at);
        receiver.write(&bytes[at..at + piece])?;
        at += piece;
    }
    Ok(())
}

fn publish(receiver: Receiver<SimFs>, fs: &SimFs, bytes: &[u8]) {
    let (path, summary) = receiver.finish().unwrap();
    assert_eq!(fs.content(&path).unwrap(), bytes);
    assert_eq!(summary.file_len, bytes.len() as u64);
    assert_eq!(fs.files(), [path], "something was left behind");
    let directory = SnapshotDirectory::open(fs.clone(), Path::new(DIR)).unwrap();
    let published = directory.list().unwrap();
    assert_eq!(
        (published[0].index, published[0].term),
        (meta().index, meta().term)
    );
    assert_eq!(
        directory.read(&published[0]).unwrap().verify().unwrap(),
        summary
    );
}

#[test]
fn pieces_of_every_size_arrive() {
    let bytes = sample_file();
    for size in 1..=bytes.len() {
        let fs = disk();
        let mut receiver = open(&fs);
        for piece in bytes.chunks(size) {
            assert!(!receiver.is_complete());
            receiver.write(piece).unwrap();
        }
        assert!(receiver.is_complete());
        publish(receiver, &fs, &bytes);
    }
}

#[test]
fn a_transfer_cut_at_every_byte_is_continued() {
    let bytes = sample_file();
    for len in 0..bytes.len() {
        let fs = disk();
        let mut receiver = open(&fs);
        receiver.write(&bytes[..len]).unwrap();
        let offset = receiver.offset();
        assert!(offset <= len as u64);
        drop(receiver);
        fs.restart();

        let mut receiver = open(&fs);
        assert_eq!(
            receiver.offset(),
            offset,
            "cut at {len}: proven bytes were lost"
        );
        assert_eq!(receiver.meta().is_some(), offset > 0);
        receiver.write(&bytes[offset as usize..]).unwrap();
        publish(receiver, &fs, &bytes);
    }
}

#[test]
fn every_byte_damaged_on_the_way_is_asked_for_again() {
    let bytes = sample_file();
    for at in 0..bytes.len() {
        let fs = disk();
        let mut receiver = open(&fs);
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x40;
        receiver.write(&damaged).expect_err("damage was taken in");
        let offset = receiver.offset() as usize;
        assert!(offset <= at, "byte {at}: damaged bytes count as proven");
        receiver.write(&bytes[offset..]).unwrap();
        publish(receiver, &fs, &bytes);
    }
}

#[test]
fn nothing_unfinished_is_published() {
    let bytes = sample_file();
    let fs = disk();
    let mut receiver = open(&fs);
    receiver.write(&bytes[..bytes.len() - 1]).unwrap();
    let offset = receiver.offset();
    match receiver.finish().unwrap_err() {
        Error::Incomplete { offset: named, .. } => assert_eq!(named, offset),
        other => panic!("{other}"),
    }
    let mut receiver = open(&fs);
    receiver.write(&bytes[offset as usize..]).unwrap();
    let error = receiver.write(b"more").unwrap_err();
    assert!(error.to_string().contains("follow the trailer"), "{error}");
    publish(receiver, &fs, &bytes);
}

#[test]
fn another_file_is_begun_afresh() {
    let bytes = sample_file();
    let other = write(Meta { id: 4, ..meta() }, &sample(), 100).0;
    let fs = disk();
    let mut receiver = open(&fs);
    receiver.write(&bytes[..600]).unwrap();
    drop(receiver);
    fs.restart();
    let mut receiver = open(&fs);
    assert_eq!(receiver.meta().unwrap().id, meta().id);
    receiver
        .write(&other[receiver.offset() as usize..])
        .expect_err("two files were mixed");
    receiver.restart().unwrap();
    assert_eq!((receiver.offset(), receiver.meta()), (0, None));
    receiver.write(&other).unwrap();
    publish(receiver, &fs, &other);
}

#[test]
fn a_stop_at_any_operation_loses_only_what_was_not_proven() {
    let bytes = long_file();
    let operations = {
        let fs = disk();
        let before = fs.operations();
        let mut receiver = open(&fs);
        send(&mut receiver, &bytes, &mut SplitMix64::new(1)).unwrap();
        receiver.finish().unwrap();
        fs.operations() - before
    };
    for_seeds(6, |seed, random| {
        for n in 1..=operations {
            let fs = disk();
            fs.stop_at(n);
            let outcome = Receiver::open(fs.clone(), Path::new(DIR)).and_then(|mut receiver| {
                send(&mut receiver, &bytes, random)?;
                receiver.finish()
            });
            outcome.expect_err("the machine had stopped");
            // A second stop soon after, in the middle of taking up the first attempt again.
            again(&fs, seed, n);
            fs.stop_at(1 + random.below(60));
            if let Ok(mut receiver) = Receiver::open(fs.clone(), Path::new(DIR)) {
                let _stopped = send(&mut receiver, &bytes, random);
            }
            again(&fs, seed + 1, n);

            let published = SnapshotDirectory::open(fs.clone(), Path::new(DIR))
                .unwrap()
                .list()
                .unwrap();
            if let Some(file) = published.first() {
                assert_eq!(
                    fs.content(&file.path).unwrap(),
                    bytes,
                    "operation {n}: half published"
                );
            }
            let mut receiver = open(&fs);
            send(&mut receiver, &bytes, random).unwrap();
            publish(receiver, &fs, &bytes);
        }
    });
}

/// The machine comes back, by turns after a kill and after a power loss.
fn again(fs: &SimFs, seed: u64, n: u64) {
    if (seed + n).is_multiple_of(2) {
        fs.heal();
        fs.restart();
    } else {
        fs.power_loss(seed.wrapping_mul(1_000).wrapping_add(n));
    }
}

#[test]
fn what_was_published_outlives_a_power_loss() {
    let bytes = long_file();
    for_seeds(40, |seed, random| {
        let fs = disk();
        let mut receiver = open(&fs);
        send(&mut receiver, &bytes[..5_000], random).unwrap();
        drop(receiver);
        fs.restart(); // the page cache has it, the disk may not
        let mut receiver = open(&fs);
        assert!(receiver.offset() > 0);
        send(&mut receiver, &bytes, random).unwrap();
        let (path, _) = receiver.finish().unwrap();
        fs.power_loss(seed);
        assert_eq!(fs.content(&path).unwrap(), bytes);
    });
}

#[test]
fn a_sync_that_failed_is_not_trusted_when_the_transfer_is_taken_up_again() {
    let bytes = long_file();
    for_seeds(40, |seed, random| {
        let fs = disk();
        let mut receiver = open(&fs);
        send(&mut receiver, &bytes, random).unwrap();
        fs.fail_sync(1);
        receiver.finish().expect_err("the sync had failed");
        fs.restart();
        let receiver = open(&fs);
        assert!(receiver.is_complete(), "all of it is still there");
        let (path, _) = receiver.finish().unwrap();
        fs.power_loss(seed);
        assert_eq!(fs.content(&path).unwrap(), bytes);
    });
}

#[test]
fn any_write_that_fails_is_repeated() {
    let bytes = long_file();
    for fault in [
        SimFault::Eio,
        SimFault::NoSpace,
        SimFault::ShortWrite,
        SimFault::TornWrite,
    ] {
        for n in 1..=20 {
            let fs = disk();
            let mut receiver = open(&fs);
            fs.fail_operation(n, fault);
            let mut random = SplitMix64::new(n);
            let first = send(&mut receiver, &bytes, &mut random);
            match (fault, &first) {
                (SimFault::ShortWrite, Ok(()))
                | (SimFault::NoSpace, Err(Error::NoSpace { .. })) => {}
                (SimFault::Eio | SimFault::TornWrite, Err(Error::Io { .. })) => {}
                (_, other) => panic!("{fault:?} at operation {n}: {other:?}"),
            }
            send(&mut receiver, &bytes, &mut random).unwrap();
            publish(receiver, &fs, &bytes);
        }
    }
}
