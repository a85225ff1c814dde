//! Writes a file front to back: one block in memory, one write for each, nothing ever rewritten.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::format::{self, BLOCK_HEADER_LEN, BlockHeader, FLAG_REQUIRED, KEY_MAX, VALUE_MAX};
use crate::meta::{Meta, Summary};
use crate::position::FilePosition;
use crate::section::Section;

/// The payload at which a block is closed, unless the caller says otherwise: 64 KiB, large enough
/// that checksums and headers cost nothing, small enough to be repeated when a transfer breaks off.
pub const BLOCK_BYTES: usize = 64 << 10;

/// A file being written. Pairs come in through [`FileWriter::put`] after a section was begun; nothing
/// is complete before [`FileWriter::finish`] returned. Memory: one block, or the largest pair if that
/// is more.
#[derive(Debug)]
pub struct FileWriter<W> {
    sink: W,
    path: PathBuf,
    meta: Meta,
    position: FilePosition,
    open: Option<(u16, bool)>,
    /// Room for the block's header, then the payload so far.
    block: Vec<u8>,
    pairs: u32,
    block_bytes: usize,
    failed: bool,
}

impl<W: Write> FileWriter<W> {
    /// Writes the header to `sink`. `path` is what errors call the file.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NoSpace`].
    pub fn new(sink: W, path: impl Into<PathBuf>, meta: Meta) -> Result<Self, Error> {
        let (header, chain) = format::encode_header(&meta);
        let mut writer = Self {
            sink,
            path: path.into(),
            meta,
            position: FilePosition::start(chain),
            open: None,
            block: vec![0; BLOCK_HEADER_LEN],
            pairs: 0,
            block_bytes: BLOCK_BYTES,
            failed: false,
        };
        writer.emit(&header)?;
        Ok(writer)
    }

    /// Closes blocks at this many bytes of payload instead of [`BLOCK_BYTES`].
    #[must_use]
    pub fn with_block_bytes(mut self, bytes: usize) -> Self {
        self.block_bytes = bytes;
        self
    }

    /// What errors call the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins a section; it ends where the next one begins. A section with no pairs is still in the
    /// file.
    ///
    /// # Errors
    /// [`Error::SectionTwice`]; the writer goes on. [`Error::Io`], [`Error::NoSpace`],
    /// [`Error::Failed`].
    pub fn begin(&mut self, section: Section) -> Result<(), Error> {
        let again = self.open.is_some_and(|(id, _)| id == section.id());
        if again || self.position.has(section.id()) {
            return Err(Error::SectionTwice {
                path: self.path.clone(),
                section,
            });
        }
        self.begin_id(section.id(), section.required())
    }

    /// [`FileWriter::begin`] with any number, as a later version would write it.
    pub(crate) fn begin_id(&mut self, id: u16, required: bool) -> Result<(), Error> {
        self.close_block()?;
        self.open = Some((id, required));
        Ok(())
    }

    /// Adds one pair to the open section. Order and meaning are the caller's.
    ///
    /// # Errors
    /// [`Error::TooLarge`] and [`Error::NoSection`]; the writer goes on without the pair.
    /// [`Error::Io`], [`Error::NoSpace`], [`Error::Failed`].
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        let too_large = |what, len, limit| Err(Error::TooLarge { what, len, limit });
        if key.len() > KEY_MAX {
            return too_large("key", key.len(), KEY_MAX);
        }
        if value.len() > VALUE_MAX {
            return too_large("value", value.len(), VALUE_MAX);
        }
        if self.open.is_none() {
            return Err(Error::NoSection {
                path: self.path.clone(),
            });
        }
        let payload = self.block.len() - BLOCK_HEADER_LEN;
        let added = format::PAIR_HEADER_LEN + key.len() + value.len();
        if self.pairs > 0 && payload + added > self.block_bytes {
            self.close_block()?;
        }
        format::encode_pair(&mut self.block, key, value);
        self.pairs += 1;
        Ok(())
    }

    /// Writes the trailer, flushes, and gives the sink back. Nothing is synced: that is
    /// [`Draft`](crate::Draft)'s part.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NoSpace`], [`Error::Failed`].
    pub fn finish(mut self) -> Result<(W, Summary), Error> {
        self.close_block()?;
        let trailer = format::encode_trailer(&self.position.trailer());
        self.emit(&trailer)?;
        if let Err(source) = self.sink.flush() {
            return Err(Error::io(&self.path, "write", source));
        }
        Ok((self.sink, self.position.summary(self.meta)))
    }

    /// Writes the block in hand. An empty one is written only when its section has no other.
    fn close_block(&mut self) -> Result<(), Error> {
        let Some((section, required)) = self.open else {
            return Ok(());
        };
        if self.pairs == 0 && self.position.has(section) {
            return Ok(());
        }
        let chain = self.position.chain();
        let payload = &self.block[BLOCK_HEADER_LEN..];
        let header = BlockHeader {
            section,
            flags: if required { FLAG_REQUIRED } else { 0 },
            payload_len: payload.len() as u32,
            pairs: self.pairs,
            number: self.position.blocks(),
            payload_crc: format::checksum(chain, payload),
        };
        if let Err(reason) = self.position.check(&header) {
            // Cannot be reached through the public methods; a file that no reader accepts must not
            // be finished.
            return Err(Error::Damaged {
                path: self.path.clone(),
                offset: self.position.offset(),
                block: self.position.blocks(),
                reason,
            });
        }
        let (bytes, after) = format::encode_block_header(chain, &header);
        self.block[..BLOCK_HEADER_LEN].copy_from_slice(&bytes);
        let block = std::mem::take(&mut self.block);
        let written = self.emit(&block);
        self.block = block;
        self.block.truncate(BLOCK_HEADER_LEN);
        give_back(&mut self.block, BLOCK_HEADER_LEN + self.block_bytes);
        self.pairs = 0;
        written?;
        self.position.advance(&header, after);
        Ok(())
    }

    fn emit(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.failed {
            return Err(Error::Failed {
                path: self.path.clone(),
            });
        }
        self.sink.write_all(bytes).map_err(|source| {
            self.failed = true;
            Error::io(&self.path, "write", source)
        })
    }
}

/// Frees what one large pair took, so that it is not held until the end of the file. The slack keeps
/// ordinary blocks from reallocating each time.
pub(crate) fn give_back(buffer: &mut Vec<u8>, wanted: usize) {
    let ordinary = wanted.max(BLOCK_HEADER_LEN + BLOCK_BYTES);
    if buffer.capacity() > 4 * ordinary {
        buffer.shrink_to(ordinary);
    }
}
