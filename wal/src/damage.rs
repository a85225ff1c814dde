//! Damage: what a log lost. Guarantees that it is told with the file, the place, who says so, and the
//! entries that are gone, or that their number is not known.

use std::fmt;
use std::path::PathBuf;

use crate::format::name::Name;

/// Durable records that are gone, with the place and the range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDamage {
    /// The segment file.
    pub file: PathBuf,
    /// Offset of the first bad byte's group; of a file that is too short, its length.
    pub offset: u64,
    /// What is lost with it.
    pub lost: Lost,
    /// The last entry that whatever is valid behind the damage shows to have been in the log, if anything does. All from the
    /// damage up to it is lost too, since nothing behind damage is ever used.
    pub shown: Option<u64>,
    /// Who says that the bytes were durable.
    pub proof: Proof,
    /// What is wrong there.
    pub reason: Defect,
}

/// What damage took away, as far as it can be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// These entries.
    Entries {
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
    },
    /// Everything after an entry. How much that was, nobody can say.
    Everything {
        /// The last entry that is left.
        after: u64,
        /// An entry that was certainly among what is lost, the highest known one.
        at_least: Option<u64>,
    },
    /// No entry: the file has lost bytes that held nothing.
    Nothing,
    /// The whole log that belongs to the store: another one is in its place.
    Log,
}

impl Lost {
    /// The entries from `first` to `last`, or, when no entry is known to be lost, what came after.
    pub(crate) fn up_to(first: u64, last: u64) -> Self {
        match first <= last {
            true => Self::Entries { first, last },
            false => Self::Everything {
                after: first.saturating_sub(1),
                at_least: None,
            },
        }
    }

    /// The first entry lost; `None` when no entry is, or when it cannot be known.
    #[must_use]
    pub fn first(&self) -> Option<u64> {
        match *self {
            Self::Entries { first, .. } => Some(first),
            Self::Everything { after, .. } => Some(after.saturating_add(1)),
            Self::Nothing | Self::Log => None,
        }
    }

    /// The highest entry that is known to be lost.
    #[must_use]
    pub fn last_known(&self) -> Option<u64> {
        match *self {
            Self::Entries { last, .. } => Some(last),
            Self::Everything { at_least, .. } => at_least,
            Self::Nothing | Self::Log => None,
        }
    }
}

/// What proves that bytes were durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proof {
    /// A later group in the same segment.
    LaterGroup,
    /// The header of the next segment: it is written only after the segment before it is synced.
    NextSegment,
    /// The witness kept by the store, and it alone. Nothing in the log itself is wrong, so without the
    /// witness it would open: as another history (a copy that went its own way), or as an older state.
    /// No entry of such a log may ever be used: it is never opened without its witness, and
    /// [`prefix`](crate::prefix) is not for it. It is refused, or replaced as a whole.
    Witness,
    /// The order of writing: a segment gets its name only after the file was filled to its length, its
    /// header written, and both synced.
    Naming,
    /// A read of what recovery had accepted.
    EarlierRead,
}

/// What is wrong with damaged bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Defect {
    /// No valid group header where one must be.
    GroupHeader,
    /// The group runs past the end of its file or segment.
    GroupLength,
    /// A group that is valid on its own does not follow the one before it.
    Chain,
    /// A record's checksum does not match its bytes.
    RecordChecksum,
    /// A record's fields contradict its group or one another, under a valid checksum.
    RecordFields,
    /// Indexes do not follow one another.
    IndexGap,
    /// The segment header is cut, zero or fails its checksum.
    SegmentHeader,
    /// The file is shorter than its header says.
    ShortFile {
        /// Bytes it has.
        bytes: u64,
        /// Bytes it had when it got its name.
        length: u64,
    },
    /// The file's name and its header disagree.
    Name,
    /// The file's content is, by its header, that of another segment.
    OtherSegment {
        /// Its number.
        sequence: u64,
        /// The index of its first entry.
        first_index: u64,
    },
    /// A segment between two others, or at the end, is missing.
    MissingSegment,
    /// The log does not contain the place the witness names: another copy, or an older one.
    WitnessDiffers,
}

impl Defect {
    /// The name that a file with this content has, where that is what is wrong.
    #[must_use]
    pub fn segment(&self) -> Option<String> {
        let Self::OtherSegment {
            sequence,
            first_index,
        } = *self
        else {
            return None;
        };
        let name = Name::Segment {
            sequence,
            first_index,
        };
        Some(name.to_string())
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GroupHeader => "no valid group header",
            Self::GroupLength => "a group runs past the end",
            Self::Chain => "a group does not follow the one before it",
            Self::RecordChecksum => "a record fails its checksum",
            Self::RecordFields => "a record contradicts its group",
            Self::IndexGap => "indexes do not follow one another",
            Self::SegmentHeader => "the segment header is unreadable",
            Self::ShortFile { bytes, length } => {
                return write!(f, "the file ends after {bytes} of its {length} bytes");
            }
            Self::Name => "file name and header disagree",
            Self::OtherSegment { .. } => {
                let name = self.segment().unwrap_or_default();
                return write!(
                    f,
                    "file name and header disagree, its content is that of {name}"
                );
            }
            Self::MissingSegment => "a segment is missing",
            Self::WitnessDiffers => "this is not the log the store last saw",
        })
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LaterGroup => "a later group says it was synced",
            Self::NextSegment => "the next segment says it was synced",
            Self::Witness => "the store saw it synced",
            Self::Naming => "a file is synced whole before it gets its name",
            Self::EarlierRead => "it was read before",
        })
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entries { first, last } => write!(f, "entries {first} to {last} are lost"),
            Self::Everything { after, at_least } => {
                write!(f, "everything after entry {after} is lost, number unknown")?;
                match at_least {
                    Some(last) => write!(f, " (at least up to entry {last})"),
                    None => Ok(()),
                }
            }
            Self::Nothing => f.write_str("no entry is lost"),
            Self::Log => f.write_str(
                "everything that the store does not hold itself is lost, number unknown",
            ),
        }
    }
}

impl LogDamage {
    /// The highest entry that the log shows to have been in it, and that is lost.
    #[must_use]
    pub fn last_known(&self) -> Option<u64> {
        self.lost.last_known().max(self.shown)
    }

    /// Where, what, who says so and what is lost, without advice: for an owner who has better advice.
    #[must_use]
    pub fn place(&self) -> String {
        format!(
            "{} is damaged at offset {}: {} ({}); {}",
            self.file.display(),
            self.offset,
            self.reason,
            self.proof,
            self.lost
        )
    }
}

impl fmt::Display for LogDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        write!(f, "{}; nothing was changed: ", self.place())?;
        match (self.lost, self.reason) {
            (Lost::Nothing, Defect::ShortFile { length, .. }) => {
                write!(f, "check the disk, then `truncate -s {length} {file}`")
            }
            _ => f.write_str("bring the file back, or a copy of the whole data directory that was made while the node was stopped"),
        }
    }
}

impl std::error::Error for LogDamage {}
