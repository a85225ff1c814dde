//! Reads a file front to back and hands out nothing that is not proven: a block's pairs are seen
//! only after its checksums, its number and its place in the chain hold, and the end is reported
//! only after the trailer agrees with all of it.

use std::io::{self, Read};
use std::path::PathBuf;

use crate::block::Block;
use crate::error::Error;
use crate::format::{self, BLOCK_HEADER_LEN, FormatError, HEADER_LEN, TRAILER_LEN};
use crate::meta::{Meta, Summary};
use crate::position::FilePosition;
use crate::proof::{check_payload, check_trailer, header_error, refuse_unknown};
use crate::section::Section;
use crate::writer::give_back;

/// A file being read. Memory: one block.
#[derive(Debug)]
pub struct FileReader<R> {
    source: R,
    path: PathBuf,
    meta: Meta,
    position: FilePosition,
    payload: Vec<u8>,
    state: ReadState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReadState {
    Reading,
    Ended,
    Failed,
}

impl<R: Read> FileReader<R> {
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
                position: FilePosition::start(chain),
                payload: Vec::new(),
                state: ReadState::Reading,
            }),
            Err(flaw) => Err(header_error(path, flaw)),
        }
    }

    /// Goes on where another reader of the same file stood; `source` delivers the bytes from
    /// [`FilePosition::offset`] on. A source of another file is noticed at its first block, or at the
    /// trailer.
    pub fn resume(source: R, path: impl Into<PathBuf>, meta: Meta, position: FilePosition) -> Self {
        let path = path.into();
        Self {
            source,
            path,
            meta,
            position,
            payload: Vec::new(),
            state: ReadState::Reading,
        }
    }

    /// The header.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The boundary behind the last block handed out: what was done up to here need not be done
    /// again.
    pub fn position(&self) -> &FilePosition {
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
            ReadState::Reading => {}
            ReadState::Ended => return Ok(None),
            ReadState::Failed => {
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
                self.state = ReadState::Ended;
                Ok(None)
            }
            Err(error) => {
                self.state = ReadState::Failed;
                Err(error)
            }
        }
    }

    /// Reads to the end and says what the file holds.
    ///
    /// # Errors
    /// As [`FileReader::next_block`].
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

    fn flawed(&self, flaw: FormatError) -> Error {
        match flaw {
            FormatError::Reason(reason) => self.damaged(reason),
            FormatError::Magic | FormatError::Version(_) => header_error(self.path.clone(), flaw),
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
