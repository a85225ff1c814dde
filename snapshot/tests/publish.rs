//! A published file is old or new and nothing between, whichever step fails, stops, or loses power;
//! and what a directory lists and drops.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod support;

use std::path::{Path, PathBuf};

use snapshot::{
    Draft, Error, FileReader, FileSource, Meta, PublishedFile, Section, SnapshotDirectory,
};
use support::{Content, for_seeds, meta, sample};
use wal::fs::sim::{SimFault, SimFs};
use wal::fs::{Fs, OsFs};

const DIR: &str = "/snapshots";

fn old_content() -> Vec<Content> {
    vec![(Section::Tree, vec![(b"old".to_vec(), vec![b'o'; 3_000])])]
}

fn new_content() -> Vec<Content> {
    let mut content = sample();
    content.push((Section::Members, vec![(b"new".to_vec(), vec![b'n'; 5_000])]));
    content
}

fn target() -> PathBuf {
    Path::new(DIR).join("dump.snapshot")
}

fn publish<F: Fs>(fs: &F, path: &Path, content: &[Content]) -> Result<(), Error> {
    fill(Draft::create(fs.clone(), path, meta())?, content)
}

fn fill<F: Fs>(mut draft: Draft<F>, content: &[Content]) -> Result<(), Error> {
    for (section, pairs) in content {
        draft.begin(*section)?;
        for (key, value) in pairs {
            draft.put(key, value)?;
        }
    }
    draft.finish().map(|_| ())
}

fn content_of<F: Fs>(fs: &F, path: &Path) -> Vec<Content> {
    let file = fs.open_read(path).unwrap();
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut FileSource::at(file, 0), &mut bytes).unwrap();
    let (content, ended) = support::read(&bytes);
    ended.unwrap();
    content
}

/// A disk with the old file on it, durable.
fn disk_with_old() -> SimFs {
    let fs = SimFs::new(1);
    fs.create_dir_all(Path::new(DIR)).unwrap();
    publish(&fs, &target(), &old_content()).unwrap();
    fs.settle();
    fs
}

/// How many operations publishing the new file takes.
fn operations() -> u64 {
    let fs = disk_with_old();
    let before = fs.operations();
    publish(&fs, &target(), &new_content()).unwrap();
    fs.operations() - before
}

/// After trouble: old or new, whole; and the next attempt succeeds.
fn check_old_or_new(fs: &SimFs, what: &str) -> bool {
    let found = content_of(fs, &target());
    let new = found == new_content();
    assert!(
        new || found == old_content(),
        "{what}: neither old nor new: {found:?}"
    );
    publish(fs, &target(), &new_content()).unwrap_or_else(|e| panic!("{what}: again: {e}"));
    assert_eq!(content_of(fs, &target()), new_content(), "{what}");
    assert_eq!(fs.files(), [target()], "{what}: something was left behind");
    new
}

#[test]
fn power_lost_before_any_operation_leaves_old_or_new() {
    let operations = operations();
    for_seeds(40, |seed, _| {
        for n in 1..=operations {
            let fs = disk_with_old();
            fs.stop_at(n);
            publish(&fs, &target(), &new_content()).unwrap_err();
            fs.power_loss(seed);
            check_old_or_new(&fs, &format!("power lost at operation {n}"));
        }
    });
}

#[test]
fn power_lost_after_publishing_leaves_new() {
    for_seeds(40, |seed, _| {
        let fs = disk_with_old();
        publish(&fs, &target(), &new_content()).unwrap();
        fs.power_loss(seed);
        assert!(
            check_old_or_new(&fs, "power lost afterwards"),
            "what was published is gone"
        );
    });
}

#[test]
fn a_process_killed_before_any_operation_leaves_old_or_new() {
    for n in 1..=operations() {
        let fs = disk_with_old();
        fs.stop_at(n);
        publish(&fs, &target(), &new_content()).unwrap_err();
        fs.heal();
        fs.restart();
        check_old_or_new(&fs, &format!("killed at operation {n}"));
    }
}

#[test]
fn any_failing_operation_leaves_old_or_new_and_no_debris() {
    for fault in [
        SimFault::Eio,
        SimFault::NoSpace,
        SimFault::ShortWrite,
        SimFault::TornWrite,
    ] {
        for n in 1..=operations() {
            let fs = disk_with_old();
            fs.fail_operation(n, fault);
            let result = publish(&fs, &target(), &new_content());
            match (fault, &result) {
                // The rest of a short write is simply written next.
                (SimFault::ShortWrite, Ok(())) => {}
                (SimFault::NoSpace, Err(Error::NoSpace { .. })) => {}
                // Space is asked for when bytes are written: a sync that fails has failed for good.
                (
                    SimFault::NoSpace,
                    Err(Error::Io {
                        operation: "sync", ..
                    }),
                ) => {}
                (SimFault::Eio | SimFault::TornWrite, Err(Error::Io { .. })) => {}
                (_, other) => panic!("{fault:?} at operation {n}: {other:?}"),
            }
            assert_eq!(fs.files(), [target()], "{fault:?} at operation {n}: debris");
            check_old_or_new(&fs, &format!("{fault:?} at operation {n}"));
        }
    }
}

#[test]
fn a_failed_sync_publishes_nothing() {
    let fs = disk_with_old();
    fs.fail_sync(1);
    let error = publish(&fs, &target(), &new_content()).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Io {
                operation: "sync",
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(content_of(&fs, &target()), old_content());
}

#[test]
fn a_full_disk_is_reported_as_such_and_passes() {
    let fs = disk_with_old();
    fs.set_capacity(Some(fs.used() + 1_000));
    let error = publish(&fs, &target(), &new_content()).unwrap_err();
    assert!(matches!(error, Error::NoSpace { .. }), "{error}");
    assert!(error.to_string().contains("no space left"), "{error}");
    assert_eq!(content_of(&fs, &target()), old_content());
    fs.set_capacity(None);
    check_old_or_new(&fs, "space has returned");
}

#[test]
fn an_abandoned_draft_leaves_nothing() {
    let fs = disk_with_old();
    let mut draft = Draft::create(fs.clone(), &target(), meta()).unwrap();
    draft.begin(Section::Tree).unwrap();
    draft.put(b"k", b"v").unwrap();
    assert_eq!(fs.files().len(), 2);
    drop(draft);
    assert_eq!(fs.files(), [target()]);
    assert_eq!(content_of(&fs, &target()), old_content());
}

fn at(index: u64, term: u64) -> Meta {
    Meta {
        index,
        term,
        ..meta()
    }
}

fn names(files: &[PublishedFile]) -> Vec<(u64, u64)> {
    files.iter().map(|file| (file.index, file.term)).collect()
}

#[test]
fn a_directory_lists_newest_first_and_keeps_what_it_is_told() {
    let fs = SimFs::new(1);
    let directory = SnapshotDirectory::create(fs.clone(), Path::new(DIR)).unwrap();
    for (index, term) in [(10, 1), (300, 2), (20, 1), (0x1_0000, 3)] {
        fill(directory.draft(at(index, term)).unwrap(), &old_content()).unwrap();
    }
    fs.create(&Path::new(DIR).join("README")).unwrap();
    let listed = directory.list().unwrap();
    assert_eq!(names(&listed), [(0x1_0000, 3), (300, 2), (20, 1), (10, 1)]);
    assert_eq!(directory.read(&listed[1]).unwrap().meta().index, 300);

    assert_eq!(names(&directory.retain(9).unwrap()), []);
    assert_eq!(names(&directory.retain(2).unwrap()), [(10, 1), (20, 1)]);
    fs.power_loss(3);
    let directory = SnapshotDirectory::open(fs.clone(), Path::new(DIR)).unwrap();
    assert_eq!(names(&directory.list().unwrap()), [(0x1_0000, 3), (300, 2)]);
    assert_eq!(directory.retain(0).unwrap().len(), 2);
    assert_eq!(fs.files().len(), 1, "what is not ours stays");
}

#[test]
fn opening_a_directory_removes_only_unpublished_drafts() {
    let fs = SimFs::new(1);
    let directory = SnapshotDirectory::create(fs.clone(), Path::new(DIR)).unwrap();
    fill(directory.draft(at(1, 1)).unwrap(), &old_content()).unwrap();
    fs.settle();
    let mut draft = directory.draft(at(2, 1)).unwrap();
    draft.begin(Section::Tree).unwrap();
    fs.create(&Path::new(DIR).join("foreign.partial")).unwrap();
    directory.receive().unwrap();
    // The draft's owner is gone without a chance to tidy up, as after a kill.
    let fs = fs.fork();
    fs.restart();
    assert_eq!(fs.files().len(), 4);
    let directory = SnapshotDirectory::open(fs.clone(), Path::new(DIR)).unwrap();
    assert_eq!(names(&directory.list().unwrap()), [(1, 1)]);
    assert_eq!(
        fs.files().len(),
        3,
        "the transfer and the foreign file stay"
    );
}

#[test]
fn retention_interrupted_never_keeps_too_little() {
    for n in 1..=6 {
        let fs = SimFs::new(1);
        let directory = SnapshotDirectory::create(fs.clone(), Path::new(DIR)).unwrap();
        for index in 1..=5 {
            fill(directory.draft(at(index, 1)).unwrap(), &old_content()).unwrap();
        }
        fs.stop_at(n);
        let outcome = directory.retain(2);
        fs.power_loss(n);
        let directory = SnapshotDirectory::open(fs, Path::new(DIR)).unwrap();
        let left = names(&directory.list().unwrap());
        assert!(
            left.starts_with(&[(5, 1), (4, 1)]),
            "operation {n}: {left:?}"
        );
        assert!(
            outcome.is_err() || left.len() == 2,
            "operation {n}: {left:?}"
        );
    }
}

#[test]
fn a_missing_directory_is_not_made_by_opening_it() {
    let error = SnapshotDirectory::open(SimFs::new(1), Path::new("/nowhere")).unwrap_err();
    assert!(error.to_string().contains("/nowhere"), "{error}");
}

#[test]
fn a_reader_of_a_directory_goes_on_at_a_block() {
    let fs = SimFs::new(1);
    let directory = SnapshotDirectory::create(fs, Path::new(DIR)).unwrap();
    let mut long = old_content();
    long[0]
        .1
        .extend((0..200).map(|n: u32| (n.to_le_bytes().to_vec(), vec![1; 1_000])));
    fill(directory.draft(meta()).unwrap(), &long).unwrap();
    let file = directory.list().unwrap().remove(0);
    let mut reader = directory.read(&file).unwrap();
    reader.next_block().unwrap();
    let position = reader.position().clone();
    let rest = directory.resume(&file, *reader.meta(), position).unwrap();
    assert_eq!(rest.verify().unwrap(), reader.verify().unwrap());
}

#[test]
fn real_files_behave_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let directory = SnapshotDirectory::create(OsFs, &dir.path().join("snapshots")).unwrap();
    fill(directory.draft(meta()).unwrap(), &old_content()).unwrap();
    fill(directory.draft(meta()).unwrap(), &new_content()).unwrap();
    let listed = directory.list().unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(content_of(&OsFs, &listed[0].path), new_content());
    let summary = directory.read(&listed[0]).unwrap().verify().unwrap();
    assert_eq!(
        summary.file_len,
        std::fs::metadata(&listed[0].path).unwrap().len()
    );
    assert!(FileReader::new(std::fs::File::open(&listed[0].path).unwrap(), "file").is_ok());
    assert_eq!(directory.retain(0).unwrap().len(), 1);
}
