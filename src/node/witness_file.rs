//! The witness file, `WITNESS` in the data directory: how far the log was known durable, kept fresh at little cost.
//!
//! The store carries a witness of the log with each flush, but a quiet node may not flush for an hour. So the newest one
//! also stands here, in a file of its own: one sector written and one sync, at most every few seconds and only after
//! something was written. A log that is gone, cut, or another one is found out by it.
//!
//! Two slots, written in turn, so that a write that is cut short always leaves the other one. The valid slot with the
//! higher generation counts. Little-endian, 8,192 bytes; slots begin at 0 and 4096, so that they never share a sector of
//! any disk, and each is
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | magic `etcd2wit` |
//! | 8 | 4 | format, 1 |
//! | 12 | 4 | CRC-32 of bytes 0..12 and 16..512 |
//! | 16 | 8 | generation, from 1 |
//! | 24 | 8 | cluster id |
//! | 32 | 8 | member id |
//! | 40 | 40 | witness of the log (crate `wal`) |
//! | 80 | 8 | 1 = clean stop, else 0 |
//! | 88 | 8 | clean stop: applied index of the store |
//! | 96 | 8 | clean stop: its term |
//! | 104 | 8 | clean stop: the store's divergence hash |
//! | 112 | 3984 | zero |
//!
//! **The clean-stop mark** says that the store holds everything up to the log's end, which the witness names; a log that
//! is damaged or gone is then not missed. It must never cover a write made after it: before the next start appends
//! anything, *both* slots are written without it, so that not even damage to the newer slot brings it back.
//!
//! | step | process or power fails before it | after it |
//! |---|---|---|
//! | write a slot | the slots as they were | the slot is old, new or invalid; the other one is as it was |
//! | sync | as above | the new slot counts |
//! | clean stop: the store was flushed before the mark is written | no mark, the log is needed | the mark is true |
//! | start: first slot without the mark | the mark is true, nothing was appended | the other slot still has it, but is older |
//! | second slot without the mark, synced | as above | no mark; only now the log is appended to |

use std::io;
use std::path::{Path, PathBuf};

use wal::fs::{File, Fs};

/// Its name in the data directory.
pub const NAME: &str = "WITNESS";
const MAGIC: [u8; 8] = *b"etcd2wit";
const FORMAT: u32 = 1;
const SLOT_BYTES: usize = 512;
const SLOT_STEP: u64 = 4096;
const FILE_BYTES: u64 = 2 * SLOT_STEP;

const VERSION: usize = 8;
const CHECKSUM: usize = 12;
const GENERATION: usize = 16;
const CLUSTER: usize = 24;
const MEMBER: usize = 32;
const WITNESS: usize = 40;
const CLEAN: usize = 80;
const APPLIED: usize = 88;
const TERM: usize = 96;
const HASH: usize = 104;
const END: usize = 112;

/// What the store was when it held everything that the log did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanStop {
    /// Its applied index.
    pub applied: u64,
    /// The term of that entry.
    pub term: u64,
    /// Its divergence hash.
    pub hash: u64,
}

/// What a slot says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WitnessRecord {
    /// Whose data it is.
    pub identity: wal::Identity,
    /// The end of the log that was known durable.
    pub witness: wal::Witness,
    /// Whether the store held all of that log, and nothing was appended since.
    pub clean: Option<CleanStop>,
}

/// What stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FoundWitness {
    /// The newest valid slot and its generation.
    newest: Option<(u64, WitnessRecord)>,
    /// Slots that hold bytes and are not valid: a write that was cut short, or damage.
    pub damaged_slots: usize,
    /// Whether there is no such file.
    pub missing: bool,
    /// Its length, where that is not the one it is made with.
    pub length: Option<u64>,
}

impl FoundWitness {
    /// What the file says, if it can be read.
    pub fn testimony(&self) -> Option<WitnessRecord> {
        self.newest.map(|(_, testimony)| testimony)
    }

    /// Whether it is as this program leaves it.
    pub fn is_whole(&self) -> bool {
        self.newest.is_some() && self.damaged_slots == 0 && self.length.is_none()
    }

    /// What is wrong with one that is not whole.
    pub fn fault(&self) -> String {
        match self.length {
            _ if self.missing => "missing".to_owned(),
            Some(length) => format!("damaged: it has {length} bytes instead of {FILE_BYTES}"),
            None => format!(
                "damaged: {} of its 2 slots are unreadable",
                self.damaged_slots
            ),
        }
    }
}

/// Looks at the file of a data directory and changes nothing.
///
/// # Errors
/// What the system says, if it is anything but that there is no such file.
pub fn read<F: Fs>(fs: &F, data_dir: &Path) -> io::Result<FoundWitness> {
    let file = match fs.open_read(&path(data_dir)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(FoundWitness {
                missing: true,
                ..FoundWitness::default()
            });
        }
        Err(error) => return Err(error),
    };
    let length = file.len()?;
    let mut found = FoundWitness {
        length: (length != FILE_BYTES).then_some(length),
        ..FoundWitness::default()
    };
    let mut blank_slots = 0;
    for slot in 0..2 {
        let mut bytes = [0; SLOT_STEP as usize];
        let filled = file.read_full_at(slot * SLOT_STEP, &mut bytes)?;
        let said = decode(&bytes[..filled]);
        if let Some(said) = said
            && found.newest.is_none_or(|newest| newest.0 < said.0)
        {
            found.newest = Some(said);
        }
        // A slot that was never written is all zeros; behind what a slot says there is nothing else.
        let zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
        let blank = said.is_none() && zero(&bytes) && filled == bytes.len();
        blank_slots += usize::from(blank);
        let clean = blank || said.is_some() && zero(&bytes[SLOT_BYTES..]);
        found.damaged_slots += usize::from(!clean);
    }
    // The slots are written in turn, so only the very first one ever stood beside a blank one.
    if found.newest.is_some_and(|(generation, _)| generation > 1) {
        found.damaged_slots += blank_slots;
    }
    Ok(found)
}

/// The file, open to be written.
#[derive(Debug)]
pub struct WitnessFile<F: Fs> {
    fs: F,
    file: F::File,
    path: PathBuf,
    generation: u64,
    identity: wal::Identity,
    written: wal::Witness,
    /// Whether its path led to it when that was last looked at.
    in_place: bool,
}

impl<F: Fs> WitnessFile<F> {
    /// Opens the file, makes it where it is missing, and writes `witness` into both slots, without a mark. When this
    /// returns, no slot speaks of anything else.
    ///
    /// # Errors
    /// What the system says; the log must not be appended to.
    pub fn begin(
        fs: &F,
        data_dir: &Path,
        found: &FoundWitness,
        identity: wal::Identity,
        witness: wal::Witness,
    ) -> io::Result<Self> {
        let path = path(data_dir);
        let file = if found.missing {
            fs.create(&path)?
        } else {
            fs.open(&path)?
        };
        if file.len()? != FILE_BYTES {
            file.set_len(FILE_BYTES)?;
        }
        let mut own = Self {
            fs: fs.clone(),
            file,
            path,
            generation: found.newest.map_or(0, |newest| newest.0),
            identity,
            written: witness,
            in_place: true,
        };
        own.put(witness, None)?;
        own.put(witness, None)?;
        if found.missing {
            fs.sync_dir(data_dir)?;
        }
        Ok(own)
    }

    /// Takes over a file that says exactly this already and has no mark: nothing is written.
    ///
    /// # Errors
    /// What the system says.
    pub fn resume(fs: &F, data_dir: &Path, found: &FoundWitness) -> io::Result<Option<Self>> {
        let Some((generation, testimony)) = found.newest else {
            return Ok(None);
        };
        if testimony.clean.is_some() || !found.is_whole() {
            return Ok(None);
        }
        let path = path(data_dir);
        let file = fs.open(&path)?;
        Ok(Some(Self {
            fs: fs.clone(),
            file,
            path,
            generation,
            identity: testimony.identity,
            written: testimony.witness,
            in_place: true,
        }))
    }

    /// Writes the log's present witness, if it is another one than before; says whether it did.
    ///
    /// # Errors
    /// What the system says: the slot before stays.
    pub fn refresh(&mut self, witness: wal::Witness) -> io::Result<bool> {
        if witness == self.written {
            return Ok(false);
        }
        self.put(witness, None)?;
        Ok(true)
    }

    /// Tells, once, that the file was removed or another one put in its place: what is written to it nobody finds. It is not
    /// made again, since its path may lead to another directory by now; the next start does that.
    pub fn look(&mut self) {
        let in_place = self.fs.leads_to(&self.path, &self.file).unwrap_or(true);
        if !in_place && self.in_place {
            tracing::error!(
                "{} was removed or replaced while this process used it: the data is safe, but until the next start makes it \
                 again the loss of the log's end would not be noticed",
                self.path.display()
            );
        }
        self.in_place = in_place;
    }

    /// Marks a clean stop: the store was flushed and holds everything up to the witness.
    ///
    /// # Errors
    /// What the system says: there is no mark, and the next start needs the log.
    pub fn mark(&mut self, witness: wal::Witness, clean: CleanStop) -> io::Result<()> {
        self.look();
        if !self.in_place {
            return Err(io::Error::other("it was removed or replaced"));
        }
        self.put(witness, Some(clean))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn put(&mut self, witness: wal::Witness, clean: Option<CleanStop>) -> io::Result<()> {
        let generation = self.generation + 1;
        let bytes = encode(
            generation,
            &WitnessRecord {
                identity: self.identity,
                witness,
                clean,
            },
        );
        let mut slot = [0; SLOT_STEP as usize];
        slot[..SLOT_BYTES].copy_from_slice(&bytes);
        self.file
            .write_all_at((generation % 2) * SLOT_STEP, &slot)?;
        self.file.sync_data()?;
        self.generation = generation;
        self.written = witness;
        Ok(())
    }
}

/// Where it stands.
pub fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(NAME)
}

fn encode(generation: u64, testimony: &WitnessRecord) -> [u8; SLOT_BYTES] {
    let mut bytes = [0; SLOT_BYTES];
    bytes[..VERSION].copy_from_slice(&MAGIC);
    bytes[VERSION..CHECKSUM].copy_from_slice(&FORMAT.to_le_bytes());
    bytes[WITNESS..CLEAN].copy_from_slice(&testimony.witness.encode());
    let clean = testimony.clean;
    for (at, number) in [
        (GENERATION, generation),
        (CLUSTER, testimony.identity.cluster),
        (MEMBER, testimony.identity.member),
        (CLEAN, u64::from(clean.is_some())),
        (APPLIED, clean.map_or(0, |clean| clean.applied)),
        (TERM, clean.map_or(0, |clean| clean.term)),
        (HASH, clean.map_or(0, |clean| clean.hash)),
    ] {
        bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
    }
    let sum = checksum(&bytes);
    bytes[CHECKSUM..GENERATION].copy_from_slice(&sum.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<(u64, WitnessRecord)> {
    let bytes: &[u8; SLOT_BYTES] = bytes.first_chunk()?;
    let word = |at: usize| {
        let field = bytes[at..].first_chunk();
        field.map_or(0, |field| u64::from_le_bytes(*field))
    };
    let sum = bytes[CHECKSUM..].first_chunk().copied()?;
    let version = bytes[VERSION..].first_chunk().copied()?;
    let known = bytes[..VERSION] == MAGIC
        && u32::from_le_bytes(version) == FORMAT
        && u32::from_le_bytes(sum) == checksum(bytes)
        && word(CLEAN) <= 1
        && bytes[END..].iter().all(|byte| *byte == 0);
    if !known {
        return None;
    }
    let clean = CleanStop {
        applied: word(APPLIED),
        term: word(TERM),
        hash: word(HASH),
    };
    if word(CLEAN) == 0 && bytes[APPLIED..END].iter().any(|byte| *byte != 0) {
        return None;
    }
    let testimony = WitnessRecord {
        identity: wal::Identity {
            cluster: word(CLUSTER),
            member: word(MEMBER),
        },
        witness: wal::Witness::decode(&bytes[WITNESS..CLEAN]).ok()?,
        clean: (word(CLEAN) == 1).then_some(clean),
    };
    Some((word(GENERATION), testimony))
}

fn checksum(bytes: &[u8; SLOT_BYTES]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&bytes[..CHECKSUM]);
    sum.update(&bytes[GENERATION..]);
    sum.finalize()
}

#[cfg(test)]
mod tests;
