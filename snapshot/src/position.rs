//! How far a file has been proven: the one place where the order of blocks is judged, for writer,
//! reader and receiver alike.

use crate::format::{BLOCK_HEADER_LEN, BlockHeader, FLAG_REQUIRED, HEADER_LEN, PAIR_HEADER_LEN};
use crate::format::{SECTIONS_MAX, TRAILER_LEN, Trailer};
use crate::meta::{Meta, SectionSummary, Summary};
use crate::section::Section;

/// A block boundary, and all that must be remembered to go on from there: everything before
/// `offset` is proven.
///
/// Invariant: `offset` = header + the blocks counted in `sections`; `chain` stands for exactly
/// these bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePosition {
    offset: u64,
    chain: u32,
    blocks: u64,
    sections: Vec<SectionSummary>,
}

impl FilePosition {
    /// Behind the header.
    pub(crate) fn start(chain: u32) -> Self {
        Self {
            offset: HEADER_LEN as u64,
            chain,
            blocks: 0,
            sections: Vec::new(),
        }
    }

    /// The offset in the file, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Blocks before this place.
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    pub(crate) fn chain(&self) -> u32 {
        self.chain
    }

    /// Whether a block of `section` was seen.
    pub(crate) fn has(&self, section: u16) -> bool {
        self.sections.iter().any(|seen| seen.id == section)
    }

    /// Whether a block like this may stand here, its checksums apart.
    pub(crate) fn check(&self, header: &BlockHeader) -> Result<(), &'static str> {
        let overhead = u64::from(header.pairs) * PAIR_HEADER_LEN as u64;
        if header.number != self.blocks {
            return Err("the block is not the next one");
        }
        if u64::from(header.payload_len) < overhead {
            return Err("the block counts more pairs than it can hold");
        }
        match self.sections.last() {
            Some(last) if last.id == header.section => {
                let required = header.flags & FLAG_REQUIRED != 0;
                if last.required == required {
                    Ok(())
                } else {
                    Err("the flags change within a section")
                }
            }
            _ if self.has(header.section) => Err("the section begins a second time"),
            _ if self.sections.len() == SECTIONS_MAX => Err("too many sections"),
            _ => Ok(()),
        }
    }

    /// Steps over a block that passed [`FilePosition::check`] and whose payload is proven.
    pub(crate) fn advance(&mut self, header: &BlockHeader, chain_after: u32) {
        let open = self
            .sections
            .last()
            .is_some_and(|last| last.id == header.section);
        if !open {
            self.sections.push(SectionSummary {
                id: header.section,
                section: Section::from_id(header.section),
                required: header.flags & FLAG_REQUIRED != 0,
                blocks: 0,
                pairs: 0,
                bytes: 0,
            });
        }
        if let Some(last) = self.sections.last_mut() {
            last.blocks += 1;
            last.pairs += u64::from(header.pairs);
            last.bytes +=
                u64::from(header.payload_len) - u64::from(header.pairs) * PAIR_HEADER_LEN as u64;
        }
        self.blocks += 1;
        self.chain = chain_after;
        self.offset += BLOCK_HEADER_LEN as u64 + u64::from(header.payload_len);
    }

    /// The trailer that closes a file here.
    pub(crate) fn trailer(&self) -> Trailer {
        Trailer {
            sections: self.sections.len() as u32,
            blocks: self.blocks,
            pairs: self.sections.iter().map(|section| section.pairs).sum(),
            bytes: self.sections.iter().map(|section| section.bytes).sum(),
            file_len: self.offset + TRAILER_LEN as u64,
            chain: self.chain,
        }
    }

    /// What the file holds when it is closed here.
    pub(crate) fn summary(&self, meta: Meta) -> Summary {
        Summary {
            meta,
            sections: self.sections.clone(),
            file_len: self.offset + TRAILER_LEN as u64,
            chain: self.chain,
        }
    }
}
