//! File names in a log directory. Guarantees that names sort as their numbers do.
//!
//! | name | file |
//! | --- | --- |
//! | `SSSSSSSSSSSSSSSS-IIIIIIIIIIIIIIII.wal` | segment: sequence, first index (base index + 1), hexadecimal |
//! | `NNNNNNNNNNNNNNNN.spare` | a file ready to become a segment; its content means nothing |
//! | `NNNNNNNNNNNNNNNN.tmp` | a file being made; removed by open |
//! | `SSSSSSSSSSSSSSSS-IIIIIIIIIIIIIIII.damaged` | a segment of a log that was replaced, kept aside |
//! | `torn-SSSSSSSSSSSSSSSS-OOOOOOOOOOOOOOOO` | a torn tail kept aside: sequence, offset |
//!
//! Other names are left alone.

/// Whether a log makes files of this name in its directory.
#[must_use]
pub fn is_own_file(name: &str) -> bool {
    Name::parse(name).is_some()
}

/// What a name in the log directory stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    Segment { sequence: u64, first_index: u64 },
    Spare(u64),
    Unfinished(u64),
    Torn { sequence: u64, offset: u64 },
    Damaged { sequence: u64, first_index: u64 },
}

impl Name {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        if let Some(pair) = name.strip_suffix(".wal") {
            let (sequence, first_index) = hex_pair(pair)?;
            return Some(Self::Segment {
                sequence,
                first_index,
            });
        }
        if let Some(pair) = name.strip_suffix(".damaged") {
            let (sequence, first_index) = hex_pair(pair)?;
            return Some(Self::Damaged {
                sequence,
                first_index,
            });
        }
        if let Some(pair) = name.strip_prefix("torn-") {
            let (sequence, offset) = hex_pair(pair)?;
            return Some(Self::Torn { sequence, offset });
        }
        if let Some(number) = name.strip_suffix(".spare") {
            return hex(number).map(Self::Spare);
        }
        hex(name.strip_suffix(".tmp")?).map(Self::Unfinished)
    }

    /// Sequence number of a segment that is, or was, part of a log here.
    pub(crate) fn sequence(&self) -> Option<u64> {
        match self {
            Self::Segment { sequence, .. }
            | Self::Damaged { sequence, .. }
            | Self::Torn { sequence, .. } => Some(*sequence),
            Self::Spare(_) | Self::Unfinished(_) => None,
        }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Segment {
                sequence,
                first_index,
            } => {
                write!(f, "{sequence:016x}-{first_index:016x}.wal")
            }
            Self::Spare(number) => write!(f, "{number:016x}.spare"),
            Self::Unfinished(number) => write!(f, "{number:016x}.tmp"),
            Self::Damaged {
                sequence,
                first_index,
            } => {
                write!(f, "{sequence:016x}-{first_index:016x}.damaged")
            }
            Self::Torn { sequence, offset } => write!(f, "torn-{sequence:016x}-{offset:016x}"),
        }
    }
}

fn hex_pair(text: &str) -> Option<(u64, u64)> {
    let (first, second) = text.split_once('-')?;
    Some((hex(first)?, hex(second)?))
}

/// Exactly 16 lower-case digits, so that each number has one name. No log gets to the last number, and
/// there must be one after each that is in use.
fn hex(text: &str) -> Option<u64> {
    let digits = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != 16 || !text.bytes().all(digits) {
        return None;
    }
    u64::from_str_radix(text, 16)
        .ok()
        .filter(|number| *number < u64::MAX)
}
