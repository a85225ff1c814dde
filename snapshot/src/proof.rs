//! What must hold of the pieces of a file before anything of them is used: the checks that reader and receiver
//! share, their place apart, which [`FilePosition`] judges.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::format::{self, FormatError, TRAILER_LEN};
use crate::position::FilePosition;
use crate::section::Section;

/// The error for a header that does not decode.
pub(crate) fn header_error(path: PathBuf, flaw: FormatError) -> Error {
    match flaw {
        FormatError::Magic => Error::NotASnapshot { path },
        FormatError::Version(found) => Error::UnknownVersion {
            path,
            found,
            known: format::VERSION,
        },
        FormatError::Reason(reason) => Error::Damaged {
            path,
            offset: 0,
            block: 0,
            reason,
        },
    }
}

/// Refuses what this version must know and does not.
pub(crate) fn refuse_unknown(
    path: &Path,
    position: &FilePosition,
    section: u16,
    flags: u16,
) -> Result<(), Error> {
    if flags & format::FLAG_REQUIRED != 0 && Section::from_id(section).is_none() {
        return Err(Error::UnknownSection {
            path: path.to_owned(),
            offset: position.offset(),
            id: section,
        });
    }
    Ok(())
}

/// Whether the payload is the one the header was written for.
pub(crate) fn check_payload(
    chain: u32,
    header: &format::BlockHeader,
    payload: &[u8],
) -> Result<(), &'static str> {
    if format::checksum(chain, payload) != header.payload_crc {
        return Err("the block does not match its checksum");
    }
    if !format::holds_pairs(payload, header.pairs) {
        return Err("the lengths of the pairs do not fill the block");
    }
    Ok(())
}

/// Whether the trailer closes the file at this place.
pub(crate) fn check_trailer(
    position: &FilePosition,
    bytes: &[u8; TRAILER_LEN],
) -> Result<(), &'static str> {
    match format::decode_trailer(position.chain(), bytes) {
        Ok(trailer) if trailer == position.trailer() => Ok(()),
        Ok(_) => Err("the trailer counts other blocks than the file holds"),
        Err(FormatError::Reason(reason)) => Err(reason),
        Err(FormatError::Magic | FormatError::Version(_)) => Err("the trailer cannot be read"),
    }
}
