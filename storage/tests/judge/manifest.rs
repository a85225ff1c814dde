//! The MANIFEST damaged, cut, and followed by what does not belong there.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;

use storage::judge::{Effort, Flaw, Inventory, Reason, StoreJudgement};

use crate::agreement::{rocksdb_agrees, rocksdb_refuses};
use crate::support::{BLOCK, Home, Random, Record, framed, records, wide, write};

/// A store whose MANIFEST is changed in place.
struct Victim {
    home: Home,
    name: String,
    content: Vec<u8>,
    records: Vec<Record>,
    file: File,
    inventory: Inventory,
}

impl Victim {
    fn new(home: Home) -> Self {
        let name = home.manifest();
        let content = home.read(&name);
        let file = OpenOptions::new().write(true).open(home.file(&name));
        Self {
            records: records(&content),
            file: file.expect("opens"),
            inventory: home.inventory(),
            home,
            name,
            content,
        }
    }

    /// Flushes and compactions of all column families, in one session.
    fn busy() -> Self {
        let home = Home::new();
        write(home.path(), 12, 20, true);
        Self::new(home)
    }

    /// Long records, of which some have parts.
    fn long() -> Self {
        let victim = Self::new(wide(45, 1500));
        assert!(victim.records.iter().any(|record| record.kind == 2));
        victim
    }

    /// One flush of all column families: an atomic group ends the file.
    fn grouped() -> Self {
        let home = Home::new();
        write(home.path(), 1, 5, false);
        Self::new(home)
    }

    fn last(&self) -> Record {
        self.records[self.records.len() - 1]
    }

    fn set(&self, offset: u64, bytes: &[u8]) {
        self.file.write_all_at(bytes, offset).expect("written");
    }

    /// Makes the file whole again after it was cut or lengthened.
    fn restore(&self) {
        let there = self.file.metadata().expect("known").len();
        let whole = self.content.len() as u64;
        let kept = there.min(whole);
        self.file.set_len(kept).expect("cut");
        self.set(kept, &self.content[kept as usize..]);
    }

    /// Leaves this much of the file.
    fn cut(&self, length: u64) {
        self.restore();
        self.file.set_len(length).expect("cut");
    }

    /// Judges with these bytes at the offset, and puts back what was there.
    fn with(&self, offset: u64, bytes: &[u8]) -> StoreJudgement {
        self.set(offset, bytes);
        let (judgement, effort) = self.home.judge_with_effort();
        let there = &self.content[offset as usize..offset as usize + bytes.len()];
        self.set(offset, there);
        self.bounded(effort);
        judgement
    }

    fn with_flipped(&self, offset: u64, bit: u64) -> StoreJudgement {
        let byte = self.content[offset as usize] ^ (1 << bit);
        self.with(offset, &[byte])
    }

    /// The file is read three times at the most (in order, for RocksDB's view, for the search), and
    /// each table's end once.
    fn bounded(&self, effort: Effort) {
        let manifest = self.content.len() as u64 + 2 * BLOCK;
        let files = 64 + self.home.names().len() as u64;
        assert!(
            effort.bytes_read <= 3 * manifest + 4096 * files,
            "{effort:?}"
        );
        assert!(
            effort.reads <= 9 * manifest / BLOCK + 3 * files,
            "{effort:?}"
        );
        assert!(effort.bytes_summed <= 2048 * manifest, "{effort:?}");
    }

    fn record_of(&self, offset: u64) -> Record {
        let of = |record: &&Record| (record.offset..record.end).contains(&offset);
        *self.records.iter().find(of).expect("in a record")
    }

    /// Damage in the record at `offset`: found there, with the next record behind it; or a torn end
    /// if there is none behind it.
    fn assert_found(&self, record: Record, judgement: &StoreJudgement) {
        let Some(next) = self.records.iter().find(|next| next.offset >= record.end) else {
            return self.assert_torn(record, judgement);
        };
        let StoreJudgement::Unreadable(fault) = judgement else {
            panic!("{record:?}: {judgement:?}");
        };
        assert_eq!(fault.path, self.home.file(&self.name));
        assert_eq!(fault.offset, Some(record.offset), "{fault}");
        let Reason::Record { next: found, .. } = fault.reason else {
            panic!("{fault}");
        };
        assert_eq!(found, next.offset, "{fault}");
    }

    /// Torn at or before the last record (its parts and its group go with it).
    fn assert_torn(&self, record: Record, judgement: &StoreJudgement) {
        let StoreJudgement::Store(inventory) = judgement else {
            panic!("{record:?}: {judgement:?}");
        };
        let torn = inventory.torn.expect("torn");
        assert!(torn.offset <= record.offset, "{torn:?} {record:?}");
        assert_eq!(torn.offset + torn.bytes, self.content.len() as u64);
        assert!(
            self.records
                .iter()
                .any(|record| record.offset == torn.offset)
        );
        assert!(inventory.last_sequence <= self.inventory.last_sequence);
        // If it was a compaction, its inputs are gone.
        for fault in &inventory.faults {
            assert_eq!(fault.reason, Reason::Missing, "{fault}");
        }
    }
}

#[test]
fn every_bit_of_every_header() {
    for victim in [Victim::busy(), Victim::long(), Victim::grouped()] {
        for record in &victim.records {
            for bit in 0..7 * 8 {
                let judgement = victim.with_flipped(record.offset + bit / 8, bit % 8);
                victim.assert_found(*record, &judgement);
            }
        }
        assert_eq!(
            victim.home.inventory(),
            victim.inventory,
            "all was put back"
        );
    }
}

#[test]
fn one_bit_of_every_byte_of_content() {
    let mut random = Random::new();
    for (victim, step) in [(Victim::busy(), 1), (Victim::long(), 31)] {
        let mut offset = random.below(step);
        while offset < victim.content.len() as u64 {
            let within = BLOCK - offset % BLOCK;
            let filling = victim
                .records
                .iter()
                .all(|record| !(record.offset..record.end).contains(&offset));
            let judgement = victim.with_flipped(offset, random.below(8));
            if filling {
                assert!(within < 7, "between records at {offset}");
                assert_eq!(judgement, StoreJudgement::Store(victim.inventory.clone()));
            } else {
                victim.assert_found(victim.record_of(offset), &judgement);
            }
            offset += 1 + random.below(2 * step - 1);
        }
    }
}

#[test]
fn a_huge_length_is_damage_everywhere_but_in_the_last_record() {
    for victim in [Victim::busy(), Victim::long()] {
        for record in &victim.records {
            for length in [u16::MAX, 1 << 15, 20_000, 1] {
                // RocksDB also writes records without content, so 0 may be right.
                let judgement = victim.with(record.offset + 4, &length.to_le_bytes());
                victim.assert_found(*record, &judgement);
            }
        }
    }
}

#[test]
fn every_length_of_the_last_records() {
    // Every length of some hundred bytes; of some thousand, those around each record's ends and a
    // sample of the others. RocksDB is asked about some of both.
    for (victim, step, sample) in [(Victim::grouped(), 1, 3), (Victim::long(), 11, 143)] {
        // Parts and records without content count as records here.
        let first = victim.records[victim.records.len() - 6];
        let mut asked = 0;
        for length in first.offset..victim.content.len() as u64 {
            let near = |record: &Record| record.offset.abs_diff(length) <= 8;
            if !(length - first.offset).is_multiple_of(step) && !victim.records.iter().any(near) {
                continue;
            }
            victim.cut(length);
            let inventory = victim.home.inventory();
            assert_eq!(inventory.faults, []);
            let kept = inventory.torn.map_or(length, |torn| {
                assert!(torn.rocksdb_drops, "it is only cut short");
                assert_eq!(torn.offset + torn.bytes, length);
                torn.offset
            });
            assert!(kept == length || victim.records.iter().any(|record| record.end == kept));
            if (length - first.offset).is_multiple_of(sample) {
                asked += 1;
                rocksdb_agrees(&victim.home, &inventory);
            }
            // What is called torn can be cut away, and nothing else changes.
            victim.cut(kept);
            let cut = Inventory {
                torn: None,
                ..inventory
            };
            assert_eq!(victim.home.inventory(), cut);
            victim.restore();
        }
        assert!(asked > 30, "{asked}");
    }
}

#[test]
fn rocksdb_drops_a_torn_end_exactly_where_it_is_said_to() {
    for victim in [Victim::grouped(), Victim::long()] {
        let last = victim.last();
        let (mut dropped, mut refused) = (0, 0);
        for bit in 0..10 * 8 {
            let judgement = victim.with_flipped(last.offset + bit / 8, bit % 8);
            let StoreJudgement::Store(inventory) = judgement else {
                panic!("{judgement:?}");
            };
            let torn = inventory.torn.expect("torn");
            let mut content = victim.content.clone();
            content[(last.offset + bit / 8) as usize] ^= 1 << (bit % 8);
            let kind = content[last.offset as usize + 6];
            if !torn.rocksdb_drops && matches!(kind, 5..=8 | 11 | 131) {
                continue; // RocksDB would read it for ever.
            }
            let copy = victim.home.copy();
            copy.write(&victim.name, &content);
            if torn.rocksdb_drops {
                dropped += 1;
                rocksdb_agrees(&copy, &inventory);
            } else {
                refused += 1;
                rocksdb_refuses(&copy);
                copy.write(&victim.name, &content[..torn.offset as usize]);
                rocksdb_agrees(&copy, &inventory);
            }
        }
        assert!(dropped > 0 && refused > 40, "{dropped} {refused}");
    }
}

#[test]
fn zeros_behind_the_last_record_are_torn_and_dropped() {
    let victim = Victim::grouped();
    let size = victim.content.len() as u64;
    for zeros in [1, 6, 7, 8, 500, BLOCK - size % BLOCK, 3 * BLOCK] {
        victim.file.set_len(size + zeros).expect("lengthened");
        let inventory = victim.home.inventory();
        let torn = inventory.torn.expect("torn");
        assert_eq!((torn.offset, torn.bytes), (size, zeros));
        assert!(torn.rocksdb_drops);
        rocksdb_agrees(&victim.home.copy(), &inventory);
        // A record behind them makes them damage.
        let record = victim.records[0];
        victim.set(size + zeros, &victim.content[..record.end as usize]);
        let fault = victim.home.unreadable();
        assert_eq!(fault.offset, Some(size), "{fault}");
        victim.restore();
    }
}

/// Content that nobody wrote, under checksums that fit: it ends, and RocksDB may not see it unless
/// it means the same as before.
#[test]
fn random_content_under_valid_checksums() {
    let mut random = Random::new();
    let victim = Victim::busy();
    let mut damaged = 0;
    for _ in 0..2000 {
        let record = victim.records[random.below(victim.records.len() as u64) as usize];
        let mut content = victim.content[record.offset as usize + 7..record.end as usize].to_vec();
        for _ in 0..=random.below(3) {
            if let Some(length) = std::num::NonZero::new(content.len() as u64) {
                content[random.below(length.get()) as usize] = random.below(256) as u8;
            }
        }
        match victim.with(record.offset, &framed(record.kind, &content)) {
            StoreJudgement::Unreadable(fault) => {
                damaged += 1;
                let meaning = matches!(fault.reason, Reason::Meaning(_) | Reason::Behind { .. });
                assert!(
                    meaning || matches!(fault.reason, Reason::Incomplete(_)),
                    "{fault}"
                );
            }
            StoreJudgement::Store(_) | StoreJudgement::Foreign { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(damaged > 200, "{damaged}");
    assert_eq!(victim.home.inventory(), victim.inventory);
}

#[test]
fn a_block_of_zeros_in_the_middle_is_damage() {
    let victim = Victim::long();
    let StoreJudgement::Unreadable(fault) = victim.with(BLOCK, &vec![0; BLOCK as usize]) else {
        panic!("not seen");
    };
    assert_eq!(fault.offset, Some(BLOCK));
    let Reason::Record { flaw, next } = fault.reason else {
        panic!("{fault}");
    };
    assert_eq!((flaw, next >= 2 * BLOCK), (Flaw::Zeros, true));
}

/// A MANIFEST that is cut where a record ends cannot say so itself; the tables do.
#[test]
fn a_lost_end_is_seen_by_the_tables_that_lie_there() {
    let victim = Victim::long();
    let total = victim.inventory.tables.len();
    let mut lost = Vec::new();
    for record in victim.records.iter().rev() {
        if !matches!(record.kind, 1 | 4) {
            continue;
        }
        victim.cut(record.end);
        let unnamed = match victim.home.judge() {
            StoreJudgement::Store(inventory) => {
                assert_eq!(inventory.torn, None);
                assert_eq!(inventory.tables.len() + inventory.leftovers.len(), total);
                assert!(inventory.leftovers.len() <= 10);
                inventory.leftovers.len()
            }
            StoreJudgement::Unreadable(fault) => {
                assert_eq!(fault.path, victim.home.file(&victim.name));
                let Reason::Behind { tables } = fault.reason else {
                    panic!("{fault}");
                };
                assert!(tables > 10);
                tables
            }
            other => panic!("{other:?}"),
        };
        victim.restore();
        lost.push(unnamed);
        if unnamed == 30 {
            break;
        }
    }
    lost.dedup();
    assert_eq!(lost, (0..=30).collect::<Vec<_>>());
}

/// A MANIFEST begins with all that is live and one change behind it, which were durable before
/// CURRENT named it: nothing of this can be torn off, even where a record ends.
#[test]
fn the_description_at_the_start_cannot_be_torn() {
    let home = Home::new();
    write(home.path(), 3, 20, false);
    write(home.path(), 0, 0, false);
    let victim = Victim::new(home);
    let content = |record: &Record| &victim.content[record.offset as usize + 7..][..2];
    let marks: Vec<_> = victim
        .records
        .iter()
        .filter(|record| content(record) == b"\x8b\x40")
        .collect();
    assert_eq!(marks.len(), 1);
    assert!(marks[0].offset > 200, "tables stand before it");
    for length in 0..marks[0].end {
        victim.cut(length);
        let fault = victim.home.unreadable();
        assert!(matches!(fault.reason, Reason::Incomplete(_)), "{fault}");
    }
    // The change behind it may have several records; the last of them makes the file complete.
    let complete: Vec<_> = victim
        .records
        .iter()
        .filter(|record| record.offset >= marks[0].end)
        .map(|record| {
            victim.cut(record.end);
            match victim.home.judge() {
                // What was compacted since may be missing.
                StoreJudgement::Store(inventory) => {
                    assert_eq!(inventory.torn, None);
                    true
                }
                StoreJudgement::Unreadable(fault) => {
                    assert!(matches!(fault.reason, Reason::Incomplete(_)), "{fault}");
                    false
                }
                other => panic!("{other:?}"),
            }
        })
        .collect();
    assert!(
        complete.is_sorted() && complete.ends_with(&[true]),
        "{complete:?}"
    );
}

#[test]
fn an_empty_manifest_and_one_without_its_first_record() {
    let victim = Victim::busy();
    for length in [0, 1, 6, 7, victim.records[0].end - 1] {
        victim.cut(length);
        let fault = victim.home.unreadable();
        assert!(matches!(fault.reason, Reason::Incomplete(_)), "{fault}");
        victim.restore();
    }
}
