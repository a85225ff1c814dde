use wal::fs::sim::SimFs;
use wal::{Place, Witness};

use super::*;

const ME: wal::Identity = wal::Identity {
    cluster: 1,
    member: 2,
};

fn witness(index: u64) -> Witness {
    let place = Place {
        sequence: 1,
        offset: 512 * (index + 1),
    };
    Witness {
        place,
        index,
        chain: 7,
    }
}

fn clean(applied: u64) -> CleanStop {
    CleanStop {
        applied,
        term: 3,
        hash: 4,
    }
}

fn disk(seed: u64) -> (SimFs, &'static Path) {
    let (disk, dir) = (SimFs::new(seed), Path::new("/data"));
    disk.create_dir_all(dir).expect("made");
    disk.sync_dir(Path::new("/")).expect("synced");
    (disk, dir)
}

fn begun(disk: &SimFs, dir: &Path, index: u64) -> WitnessFile<SimFs> {
    let found = read(disk, dir).expect("readable");
    WitnessFile::begin(disk, dir, &found, ME, witness(index)).expect("begun")
}

fn said(disk: &SimFs, dir: &Path) -> Option<WitnessRecord> {
    read(disk, dir).expect("readable").testimony()
}

#[test]
fn a_slot_comes_back_and_every_flipped_bit_is_refused() {
    let testimony = WitnessRecord {
        identity: ME,
        witness: witness(5),
        clean: Some(clean(5)),
    };
    let bytes = encode(9, &testimony);
    assert_eq!(decode(&bytes), Some((9, testimony)));
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes;
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(decode(&flipped), None, "bit {bit}");
    }
    for length in 0..bytes.len() {
        assert_eq!(decode(&bytes[..length]), None, "length {length}");
    }
}

#[test]
fn the_newest_slot_counts_and_the_other_one_stands_in_for_it() {
    let (disk, dir) = disk(1);
    let mut file = begun(&disk, dir, 1);
    for index in 2..6 {
        file.refresh(witness(index)).expect("written");
        let syncs = disk.syncs();
        file.refresh(witness(index)).expect("nothing to do");
        assert_eq!(disk.syncs(), syncs, "the same witness costs no sync");
    }
    assert_eq!(said(&disk, dir).expect("readable").witness, witness(5));
    // The newest slot is hurt: the one before it is a little older, and no more.
    let newest = (file.generation % 2) * SLOT_STEP;
    assert!(disk.flip_bit(&path(dir), newest + 45, 3));
    let found = read(&disk, dir).expect("readable");
    assert_eq!(found.damaged_slots, 1);
    assert_eq!(found.testimony().expect("readable").witness, witness(4));
    // Nor does one that was wiped pass for one that was never written.
    disk.corrupt(&path(dir), |bytes| {
        let newest = newest as usize;
        bytes[newest..newest + SLOT_BYTES].fill(0);
    });
    let found = read(&disk, dir).expect("readable");
    assert_eq!((found.damaged_slots, found.is_whole()), (1, false));
    assert_eq!(found.testimony().expect("readable").witness, witness(4));
}

#[test]
fn no_damage_brings_a_mark_back_once_a_start_has_removed_it() {
    let (disk, dir) = disk(2);
    let mut file = begun(&disk, dir, 1);
    file.mark(witness(2), clean(2)).expect("marked");
    assert_eq!(said(&disk, dir).expect("readable").clean, Some(clean(2)));
    drop(file);
    let file = begun(&disk, dir, 2);
    for slot in 0..2 {
        let fork = disk.fork();
        fork.flip_bit(&path(dir), slot * SLOT_STEP + 50, 0);
        assert_eq!(said(&fork, dir).expect("readable").clean, None);
    }
    drop(file);
    disk.corrupt(&path(dir), Vec::clear);
    let found = read(&disk, dir).expect("readable");
    assert_eq!((found.testimony(), found.damaged_slots), (None, 2));
}

/// At every operation of a refresh, a mark and the removal of a mark the machine stops: what is read afterwards is what
/// was there or what was to be there, and a mark never outlives its removal.
#[test]
fn a_power_loss_leaves_one_whole_slot() {
    for seed in 0..10 {
        for step in 1..40 {
            let (disk, dir) = disk(seed);
            let mut file = begun(&disk, dir, 1);
            file.refresh(witness(2)).expect("written");
            disk.stop_at(step);
            let marked = file.mark(witness(3), clean(3));
            drop(file);
            let removed = marked.is_ok().then(|| {
                let found = read(&disk, dir)?;
                WitnessFile::begin(&disk, dir, &found, ME, witness(3)).map(drop)
            });
            disk.heal();
            disk.power_loss(seed * 100 + step);
            let now = said(&disk, dir).expect("one slot is whole");
            match (marked.is_ok(), removed) {
                (_, Some(Ok(()))) => assert_eq!((now.witness, now.clean), (witness(3), None)),
                (true, _) => assert_eq!(now.witness, witness(3)),
                (false, _) => assert!([witness(2), witness(3)].contains(&now.witness)),
            }
            assert!(now.clean.is_none_or(|clean| clean.applied == 3));
        }
    }
}

#[test]
fn a_file_that_is_removed_under_a_node_takes_no_mark_and_is_not_made_again() {
    let (disk, dir) = disk(9);
    let mut file = begun(&disk, dir, 1);
    assert!(!file.refresh(witness(1)).expect("nothing to do"));
    file.look();
    assert!(file.in_place);
    disk.remove(&path(dir)).expect("removed");
    file.look();
    assert!(!file.in_place);
    file.refresh(witness(2))
        .expect("written where nobody looks");
    let refused = file.mark(witness(3), clean(3)).expect_err("no mark");
    assert!(refused.to_string().contains("removed"), "{refused}");
    assert!(read(&disk, dir).expect("readable").missing);
    // Another one in its place is left alone.
    disk.create(&path(dir)).expect("made");
    file.mark(witness(3), clean(3)).expect_err("no mark");
    assert_eq!(said(&disk, dir), None);
}

/// Puts the checksums of both slots right, and those of the witnesses in them.
#[allow(clippy::ptr_arg)] // what a campaign mends may also change its length
fn mend(bytes: &mut Vec<u8>) {
    for slot in bytes.chunks_mut(SLOT_STEP as usize) {
        let Some(slot) = slot.first_chunk_mut::<SLOT_BYTES>() else {
            continue;
        };
        let field = |at: usize| slot[at..].first_chunk().copied().unwrap_or_default();
        let inner = Witness {
            place: Place {
                sequence: u64::from_le_bytes(field(WITNESS + 8)),
                offset: u64::from_le_bytes(field(WITNESS + 16)),
            },
            index: u64::from_le_bytes(field(WITNESS + 24)),
            chain: 7,
        };
        slot[WITNESS..CLEAN].copy_from_slice(&inner.encode());
        let sum = checksum(slot);
        slot[CHECKSUM..GENERATION].copy_from_slice(&sum.to_le_bytes());
    }
}

#[test]
fn mutated_slots_are_read_as_written_or_told_as_damage() {
    let testimony = |clean| WitnessRecord {
        identity: ME,
        witness: witness(5),
        clean,
    };
    let slots = [
        encode(9, &testimony(None)),
        encode(8, &testimony(Some(clean(5)))),
    ];
    let mut file = vec![0; FILE_BYTES as usize];
    file[..SLOT_BYTES].copy_from_slice(&slots[0]);
    file[SLOT_STEP as usize..][..SLOT_BYTES].copy_from_slice(&slots[1]);
    fuzz::Campaign::new("witness slot")
        .corpus(slots.map(|slot| slot.to_vec()))
        .mend(mend)
        .memory(4 << 10, 0)
        .run(|bytes| {
            let Some((generation, testimony)) = decode(bytes) else {
                return false;
            };
            let again = encode(generation, &testimony);
            assert_eq!(decode(&again), Some((generation, testimony)));
            // What stands behind a mark that says no is not looked at.
            assert!(testimony.clean.is_none() || again == bytes[..SLOT_BYTES]);
            true
        });
    fuzz::Campaign::new("witness file")
        .corpus([file])
        .mend(mend)
        .share(10)
        .memory(256 << 10, 16)
        .run(|bytes| {
            let (disk, dir) = disk(1);
            let file = disk.create(&path(dir)).expect("made");
            file.write_all_at(0, bytes).expect("written");
            let found = read(&disk, dir).expect("readable");
            assert!(found.is_whole() || !found.fault().is_empty());
            found.testimony().is_some()
        });
}
