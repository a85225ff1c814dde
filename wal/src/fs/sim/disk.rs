//! One simulated file. Guarantees that what was synced survives a power loss and that nothing else must.
//!
//! The page cache is modelled by sector: each unsynced write leaves a version of each 512-byte sector
//! it touched. A power loss lets every sector be its durable self or any of those versions, so writes
//! are dropped, torn and reordered. A *failed* sync leaves the versions behind as abandoned: the
//! kernel drops such pages' dirty marks, so a later successful sync no longer covers them.

use std::collections::BTreeMap;

use super::random::SplitMix64;

/// Unit in which a disk writes all or nothing.
pub(super) const SECTOR: usize = 512;

#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    live: Vec<u8>,
    durable: Vec<u8>,
    unsettled: BTreeMap<usize, Unsettled>,
}

/// A sector whose live content is not known to be durable.
#[derive(Clone, Debug)]
struct Unsettled {
    /// Contents since the last settled one, oldest first, each with the number of the write that made it.
    versions: Vec<(u64, [u8; SECTOR])>,
    /// Whether the next successful sync covers it.
    dirty: bool,
}

/// What a power loss does to the unsynced part of one file.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// Nothing that was not synced arrives.
    Everything,
    /// All of it had arrived.
    Nothing,
    /// Writes arrive in order up to one that is torn between two of its sectors.
    AfterWrite { number: u64, sectors: u64 },
    /// Each sector takes one of its versions, independently.
    EachSector,
}

impl Inode {
    pub(super) fn len(&self) -> u64 {
        self.live.len() as u64
    }

    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(self.live.len());
        let count = buffer.len().min(self.live.len() - start);
        buffer[..count].copy_from_slice(&self.live[start..start + count]);
        count
    }

    /// Writes as the page cache would; `number` orders this write among all writes of the disk.
    pub(super) fn write(&mut self, offset: usize, data: &[u8], number: u64) {
        if data.is_empty() {
            return;
        }
        let end = offset + data.len();
        if self.live.len() < end {
            self.live.resize(end, 0);
        }
        self.live[offset..end].copy_from_slice(data);
        for sector in offset / SECTOR..=(end - 1) / SECTOR {
            self.remember(sector, number);
        }
    }

    fn remember(&mut self, sector: usize, number: u64) {
        let content = sector_of(&self.live, sector);
        let entry = self.unsettled.entry(sector).or_insert_with(|| Unsettled {
            versions: Vec::new(),
            dirty: true,
        });
        entry.versions.push((number, content));
        entry.dirty = true;
    }

    pub(super) fn set_len(&mut self, len: usize, number: u64) {
        let shrunk = len < self.live.len();
        self.live.resize(len, 0);
        if shrunk {
            self.unsettled.split_off(&len.div_ceil(SECTOR));
            if !len.is_multiple_of(SECTOR) {
                self.remember(len / SECTOR, number);
            }
        }
    }

    pub(super) fn sync(&mut self) {
        self.durable.resize(self.live.len(), 0);
        let (live, durable) = (&self.live, &mut self.durable);
        self.unsettled.retain(|&sector, state| {
            if state.dirty {
                put_sector(durable, sector, &sector_of(live, sector));
            }
            !state.dirty
        });
    }

    /// A sync that reported an error: what it covered may be lost and no later sync looks at it again.
    pub(super) fn sync_failed(&mut self) {
        for state in self.unsettled.values_mut() {
            state.dirty = false;
        }
    }

    pub(super) fn power_loss(&mut self, random: &mut SplitMix64) {
        let loss = self.choose_loss(random);
        let keep_length = match loss {
            Loss::Everything => false,
            Loss::Nothing => true,
            Loss::AfterWrite { .. } | Loss::EachSector => !random.one_in(3),
        };
        let mut content = std::mem::take(&mut self.durable);
        if keep_length {
            content.resize(self.live.len(), 0);
        }
        let mut torn = 0;
        for (&sector, state) in &self.unsettled {
            let version = match loss {
                Loss::Everything => None,
                Loss::Nothing => state.versions.last(),
                Loss::AfterWrite { number, sectors } => {
                    let arrived = |version: &&(u64, _)| {
                        version.0 < number || (version.0 == number && torn < sectors)
                    };
                    let found = state.versions.iter().rev().find(arrived);
                    torn += u64::from(state.versions.iter().any(|version| version.0 == number));
                    found
                }
                Loss::EachSector => {
                    let choice = random.below(state.versions.len() as u64 + 1) as usize;
                    choice.checked_sub(1).map(|index| &state.versions[index])
                }
            };
            if let Some((_, bytes)) = version {
                put_sector(&mut content, sector, bytes);
            }
        }
        self.replace(content);
    }

    fn choose_loss(&self, random: &mut SplitMix64) -> Loss {
        let numbers: Vec<u64> = self
            .unsettled
            .values()
            .flat_map(|state| state.versions.iter().map(|version| version.0))
            .collect();
        match random.below(6) {
            0 => Loss::Everything,
            1 => Loss::Nothing,
            2 | 3 if !numbers.is_empty() => Loss::AfterWrite {
                number: numbers[random.below(numbers.len() as u64) as usize],
                sectors: random.below(9),
            },
            _ => Loss::EachSector,
        }
    }

    pub(super) fn content(&self) -> &[u8] {
        &self.live
    }

    /// Sets what both the page cache and the disk hold: damage, or the state after a power loss.
    pub(super) fn replace(&mut self, content: Vec<u8>) {
        self.durable.clone_from(&content);
        self.live = content;
        self.unsettled.clear();
    }
}

fn sector_of(content: &[u8], sector: usize) -> [u8; SECTOR] {
    let mut bytes = [0; SECTOR];
    let start = (sector * SECTOR).min(content.len());
    let end = (start + SECTOR).min(content.len());
    bytes[..end - start].copy_from_slice(&content[start..end]);
    bytes
}

/// Writes a sector as far as the file reaches: a length that was lost takes its sectors with it.
fn put_sector(content: &mut [u8], sector: usize, bytes: &[u8; SECTOR]) {
    let start = (sector * SECTOR).min(content.len());
    let end = (start + SECTOR).min(content.len());
    content[start..end].copy_from_slice(&bytes[..end - start]);
}
