//! Reads a file front to back and hands out nothing that is not proven: a block's pairs are seen
//! only after its checksums, its number and its place in the chain hold, and the end is reported
//! only after the trailer agrees with all of it.

use std::io::{self, Read};
use std::path::PathBuf;

use crate::error::Error;
use crate::format::{self, BLOCK_HEADER_LEN, Flaw, HEADER_LEN, TRAILER_LEN};
use crate::meta::{Meta, Summary};
use crate::position::Position;
use crate::section::Section;
use crate::writer::give_back;

/// A file being read. Memory: one block.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    path: PathBuf,
    meta: Meta,
    position: Position,
    payload: Vec<u8>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Ended,
    Failed,
}

/// Pairs of one section that are proven.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    section: Section,
    payload: &'a [u8],
}

impl<'a> Block<'a> {
    /// What the pairs mean.
    pub fn section(&self) -> Section {
        self.section
    }

    /// The pairs, key and value, in the order they were written. An empty section has one block
    /// without pairs.
    pub fn pairs(&self) -> Pairs<'a> {
        Pairs { rest: self.payload }
    }
}

/// The pairs of a [`Block`].
#[derive(Debug, Clone)]
pub struct Pairs<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, value, rest) = format::decode_pair(self.rest)?;
        self.rest = rest;
        Some((key, value))
    }
}

impl<R: Read> Reader<R> {
    /// Reads the header from `source`. `path` is what errors call the file.
    ///
    /// # Errors
    /// [`Error::NotASnapshot`], [`Error::UnknownVersion`], [`Error::Truncated`],
    /// [`Error::Damaged`], [`Error::Io`].
    pub fn new(mut source: R, path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let mut header = [0; HEADER_LEN];
        let found =
            fill(&mut source, &mut header).map_err(|source| Error::io(&path, "read", source))?;
        if found < HEADER_LEN {
            // An empty or short file that does not even begin like one of ours is another kind of
            // file.
            let known = found.min(format::MAGIC.len());
            return Err(if header[..known] == format::MAGIC[..known] {
                Error::Truncated {
                    path,
                    offset: 0,
                    found: found as u64,
                }
            } else {
                Error::NotASnapshot { path }
            });
        }
        match format::decode_header(&header) {
            Ok((meta, chain)) => Ok(Self {
                source,
                path,
                meta,
                position: Position::start(chain),
                payload: Vec::new(),
                state: State::Reading,
            }),
            Err(flaw) => Err(header_error(path, flaw)),
        }
    }

    /// Goes on where another reader of the same file stood; `source` delivers the bytes from
    /// [`Position::offset`] on. A source of another file is noticed at its first block, or at the
    /// trailer.
    pub fn resume(source: R, path: impl Into<PathBuf>, meta: Meta, position: Position) -> Self {
        let path = path.into();
        Self {
            source,
            path,
            meta,
            position,
            payload: Vec::new(),
            state: State::Reading,
        }
    }

    /// The header.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The boundary behind the last block handed out: what was done up to here need not be done
    /// again.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// The next block of a known section; `None` once the trailer is proven and nothing follows it.
    /// Optional sections of later versions are verified and passed over.
    ///
    /// # Errors
    /// [`Error::UnknownSection`], [`Error::Truncated`], [`Error::Damaged`], [`Error::Io`]; after
    /// any of them [`Error::Failed`].
    pub fn next_block(&mut self) -> Result<Option<Block<'_>>, Error> {
        match self.state {
            State::Reading => {}
            State::Ended => return Ok(None),
            State::Failed => {
                return Err(Error::Failed {
                    path: self.path.clone(),
                });
            }
        }
        match self.step_to_known() {
            Ok(Some(section)) => Ok(Some(Block {
                section,
                payload: &self.payload,
            })),
            Ok(None) => {
                self.state = State::Ended;
                Ok(None)
            }
            Err(error) => {
                self.state = State::Failed;
                Err(error)
            }
        }
    }

    /// Reads to the end and says what the file holds.
    ///
    /// # Errors
    /// As [`Reader::next_block`].
    pub fn verify(mut self) -> Result<Summary, Error> {
        while self.next_block()?.is_some() {}
        Ok(self.position.summary(self.meta))
    }

    fn step_to_known(&mut self) -> Result<Option<Section>, Error> {
        while let Some(id) = self.step()? {
            if let Some(section) = Section::from_id(id) {
                return Ok(Some(section));
            }
        }
        Ok(None)
    }

    /// Proves one block and returns its section, or the trailer.
    fn step(&mut self) -> Result<Option<u16>, Error> {
        let mut head = [0; BLOCK_HEADER_LEN];
        let found = self.read(&mut head)?;
        if found < BLOCK_HEADER_LEN {
            return Err(self.truncated(found));
        }
        if head[..4] == format::TRAILER_MAGIC {
            return self.close(&head).map(|()| None);
        }
        let chain = self.position.chain();
        let (header, after) =
            format::decode_block_header(chain, &head).map_err(|flaw| self.flawed(flaw))?;
        self.position
            .check(&header)
            .map_err(|reason| self.damaged(reason))?;
        refuse_unknown(&self.path, &self.position, header.section, header.flags)?;

        self.payload.clear();
        let wanted = header.payload_len as usize;
        give_back(&mut self.payload, wanted);
        self.payload.reserve_exact(wanted);
        let found = (&mut self.source)
            .take(wanted as u64)
            .read_to_end(&mut self.payload)
            .map_err(|source| Error::io(&self.path, "read", source))?;
        if found < wanted {
            return Err(self.truncated(BLOCK_HEADER_LEN + found));
        }
        check_payload(chain, &header, &self.payload).map_err(|reason| self.damaged(reason))?;
        self.position.advance(&header, after);
        Ok(Some(header.section))
    }

    fn close(&mut self, head: &[u8; BLOCK_HEADER_LEN]) -> Result<(), Error> {
        let mut bytes = [0; TRAILER_LEN];
        bytes[..BLOCK_HEADER_LEN].copy_from_slice(head);
        let found = self.read(&mut bytes[BLOCK_HEADER_LEN..])?;
        if BLOCK_HEADER_LEN + found < TRAILER_LEN {
            return Err(self.truncated(BLOCK_HEADER_LEN + found));
        }
        check_trailer(&self.position, &bytes).map_err(|reason| self.damaged(reason))?;
        if self.read(&mut [0])? > 0 {
            return Err(self.damaged("bytes follow the trailer"));
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        fill(&mut self.source, buffer).map_err(|source| Error::io(&self.path, "read", source))
    }

    fn truncated(&self, found: usize) -> Error {
        let offset = self.position.offset();
        Error::Truncated {
            path: self.path.clone(),
            offset,
            found: offset + found as u64,
        }
    }

    fn flawed(&self, flaw: Flaw) -> Error {
        match flaw {
            Flaw::Reason(reason) => self.damaged(reason),
            Flaw::Magic | Flaw::Version(_) => header_error(self.path.clone(), flaw),
        }
    }

    fn damaged(&self, reason: &'static str) -> Error {
        Error::Damaged {
            path: self.path.clone(),
            offset: self.position.offset(),
            block: self.position.blocks(),
            reason,
        }
    }
}

/// The error for a header that does not decode.
pub(crate) fn header_error(path: PathBuf, flaw: Flaw) -> Error {
    match flaw {
        Flaw::Magic => Error::NotASnapshot { path },
        Flaw::Version(found) => Error::UnknownVersion {
            path,
            found,
            known: format::VERSION,
        },
        Flaw::Reason(reason) => Error::Damaged {
            path,
            offset: 0,
            block: 0,
            reason,
        },
    }
}

/// Refuses what this version must know and does not.
pub(crate) fn refuse_unknown(
    path: &std::path::Path,
    position: &Position,
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
    position: &Position,
    bytes: &[u8; TRAILER_LEN],
) -> Result<(), &'static str> {
    match format::decode_trailer(position.chain(), bytes) {
        Ok(trailer) if trailer == position.trailer() => Ok(()),
        Ok(_) => Err("the trailer counts other blocks than the file holds"),
        Err(Flaw::Reason(reason)) => Err(reason),
        Err(Flaw::Magic | Flaw::Version(_)) => Err("the trailer cannot be read"),
    }
}

/// Reads until `buffer` is full or the source ends.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests;
