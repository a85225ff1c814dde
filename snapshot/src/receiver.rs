//! Takes a file in from elsewhere, in pieces of any size, and keeps nothing that is not proven:
//! what breaks off is continued at the last whole block, after a restart too.
//!
//! The bytes go to `incoming.partial`. Opened again after a crash, its readable part is **copied**
//! to a fresh file instead of being continued: what the page cache shows may never have reached the
//! disk, and a sync of the new file covers only what was written to it. Meanwhile the old one is
//! called `incoming.previous`; while that name exists it holds all that the copy holds, so it wins
//! over the copy at the next start.

use std::path::{Path, PathBuf};

use wal::fs::{File, Fs};

use crate::draft::publish;
use crate::error::Error;
use crate::format::{self, BLOCK_HEADER_LEN, BlockHeader, FormatError, HEADER_LEN, TRAILER_LEN};
use crate::meta::{Meta, Summary};
use crate::name::file_path;
use crate::position::FilePosition;
use crate::proof;
use crate::writer::give_back;

pub(crate) const PARTIAL_NAME: &str = "incoming.partial";
const PREVIOUS_NAME: &str = "incoming.previous";
/// Bytes read at a time when a broken transfer is taken up again.
const COPY_BYTES: usize = 64 << 10;

/// A transfer into a directory, at most one at a time. Memory: one block.
#[derive(Debug)]
pub struct Receiver<F: Fs> {
    fs: F,
    dir: PathBuf,
    path: PathBuf,
    file: F::File,
    progress: Option<(Meta, FilePosition)>,
    /// The part that has arrived of the header, block or trailer that begins at
    /// [`Receiver::offset`].
    pending: Vec<u8>,
    ended: bool,
}

/// The header, block or trailer that is arriving.
enum Unit {
    Header,
    BlockHeader,
    Block(BlockHeader, u32),
    Trailer,
}

impl<F: Fs> Receiver<F> {
    /// Begins a transfer in `dir`, or continues the one that was broken off there.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NoSpace`].
    pub fn open(fs: F, dir: &Path) -> Result<Self, Error> {
        let path = dir.join(PARTIAL_NAME);
        let previous = dir.join(PREVIOUS_NAME);
        let exists = |path: &Path| fs.exists(path).map_err(|e| Error::io(path, "look for", e));
        let mut broken_off = exists(&previous)?;
        if exists(&path)? {
            if broken_off {
                fs.remove(&path)
                    .map_err(|e| Error::io(&path, "remove", e))?;
            } else {
                fs.rename(&path, &previous)
                    .map_err(|e| Error::io(&path, "rename", e))?;
                broken_off = true;
            }
        }
        let file = fs
            .create(&path)
            .map_err(|e| Error::io(&path, "create", e))?;
        let mut receiver = Self {
            fs,
            dir: dir.to_owned(),
            path,
            file,
            progress: None,
            pending: Vec::new(),
            ended: false,
        };
        if broken_off {
            receiver.copy(&previous)?;
            receiver
                .fs
                .remove(&previous)
                .map_err(|e| Error::io(&previous, "remove", e))?;
        }
        Ok(receiver)
    }

    /// The header, once it has arrived: its id tells the sender which file to continue.
    pub fn meta(&self) -> Option<&Meta> {
        self.progress.as_ref().map(|(meta, _)| meta)
    }

    /// Where what has arrived stands.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes that are proven: the sender continues here.
    pub fn offset(&self) -> u64 {
        match &self.progress {
            None => 0,
            Some((_, position)) if self.ended => position.offset() + TRAILER_LEN as u64,
            Some((_, position)) => position.offset(),
        }
    }

    /// Whether the whole file has arrived.
    pub fn is_complete(&self) -> bool {
        self.ended
    }

    /// Takes the next bytes of the file. Whole blocks are proven and written as they are completed.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::NotASnapshot`], [`Error::UnknownVersion`],
    /// [`Error::UnknownSection`], [`Error::Io`], [`Error::NoSpace`]. Nothing that was proven is
    /// lost by any of them: the transfer may go on with the bytes from [`Receiver::offset`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let taken = self.take(bytes);
        if taken.is_err() {
            self.pending.clear();
        }
        taken
    }

    /// Drops the part of a block that has arrived, to go on with the bytes from [`Receiver::offset`] on.
    pub fn rewind(&mut self) {
        self.pending.clear();
    }

    /// Drops what has arrived, to begin with another file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn restart(&mut self) -> Result<(), Error> {
        self.progress = None;
        self.pending.clear();
        self.ended = false;
        self.file
            .set_len(0)
            .map_err(|e| Error::io(&self.path, "empty", e))
    }

    /// Publishes the file under the name its header gives it and returns where it is. The steps are
    /// those of [`Draft`](crate::Draft).
    ///
    /// # Errors
    /// [`Error::Incomplete`] before the whole file arrived; [`Error::Io`], [`Error::NoSpace`]. What
    /// has arrived stays for the next [`Receiver::open`].
    pub fn finish(self) -> Result<(PathBuf, Summary), Error> {
        let offset = self.offset();
        let (meta, position) = match self.progress {
            Some(progress) if self.ended => progress,
            _ => {
                return Err(Error::Incomplete {
                    path: self.path,
                    offset,
                });
            }
        };
        // A write that failed half-way may have left bytes behind the end.
        self.file
            .set_len(offset)
            .map_err(|e| Error::io(&self.path, "cut", e))?;
        let target = file_path(&self.dir, &meta);
        publish(&self.fs, &self.file, &self.path, &target)?;
        Ok((target, position.summary(meta)))
    }

    /// Takes what can be proven of an earlier attempt. What cannot be is what the sender will send
    /// again.
    fn copy(&mut self, previous: &Path) -> Result<(), Error> {
        let file = self
            .fs
            .open_read(previous)
            .map_err(|e| Error::io(previous, "open", e))?;
        let mut chunk = vec![0; COPY_BYTES];
        let mut offset = 0;
        loop {
            let count = file
                .read_full_at(offset, &mut chunk)
                .map_err(|e| Error::io(previous, "read", e))?;
            if count == 0 {
                break;
            }
            match self.write(&chunk[..count]) {
                Ok(()) => offset += count as u64,
                Err(error @ (Error::Io { .. } | Error::NoSpace { .. })) => return Err(error),
                Err(_) => break,
            }
        }
        self.pending.clear();
        Ok(())
    }

    fn take(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            if self.ended {
                return Err(self.damaged("bytes follow the trailer"));
            }
            let (unit, wanted) = self.unit()?;
            let count = bytes.len().min(wanted - self.pending.len());
            let (part, rest) = bytes.split_at(count);
            self.pending.extend_from_slice(part);
            bytes = rest;
            if self.pending.len() == wanted {
                self.complete(unit)?;
            }
        }
        // A block without payload is whole as soon as its header is.
        if let (unit @ Unit::Block(..), wanted) = self.unit()?
            && self.pending.len() == wanted
        {
            self.complete(unit)?;
        }
        Ok(())
    }

    /// What is arriving, and how long it is as far as that is known yet.
    fn unit(&self) -> Result<(Unit, usize), Error> {
        let Some((_, position)) = &self.progress else {
            return Ok((Unit::Header, HEADER_LEN));
        };
        let Some(head) = self.pending.first_chunk::<BLOCK_HEADER_LEN>() else {
            return Ok((Unit::BlockHeader, BLOCK_HEADER_LEN));
        };
        if head[..4] == format::TRAILER_MAGIC {
            return Ok((Unit::Trailer, TRAILER_LEN));
        }
        match format::decode_block_header(position.chain(), head) {
            Ok((header, after)) => {
                let wanted = BLOCK_HEADER_LEN + header.payload_len as usize;
                Ok((Unit::Block(header, after), wanted))
            }
            Err(FormatError::Reason(reason)) => Err(self.damaged(reason)),
            Err(flaw) => Err(proof::header_error(self.path.clone(), flaw)),
        }
    }

    /// Proves and writes the unit that has arrived whole.
    fn complete(&mut self, unit: Unit) -> Result<(), Error> {
        let (before, bytes) = (self.offset(), self.pending.len() as u64);
        match unit {
            Unit::BlockHeader => return Ok(()), // the payload is still to come
            Unit::Header => {
                let Some(header) = self.pending.first_chunk() else {
                    return Ok(());
                };
                let (meta, chain) = format::decode_header(header)
                    .map_err(|flaw| proof::header_error(self.path.clone(), flaw))?;
                self.store()?;
                self.progress = Some((meta, FilePosition::start(chain)));
            }
            Unit::Block(header, after) => {
                self.check(&header)?;
                self.store()?;
                if let Some((_, position)) = &mut self.progress {
                    position.advance(&header, after);
                }
            }
            Unit::Trailer => {
                if let (Some((_, position)), Some(bytes)) =
                    (&self.progress, self.pending.first_chunk())
                {
                    proof::check_trailer(position, bytes).map_err(|reason| self.damaged(reason))?;
                }
                self.store()?;
                self.ended = true;
            }
        }
        assert!(
            self.offset() == before + bytes,
            "invariant snapshot-pieces: {bytes} bytes at offset {before} lead to offset {}",
            self.offset()
        );
        self.pending.clear();
        give_back(&mut self.pending, BLOCK_HEADER_LEN);
        Ok(())
    }

    fn check(&self, header: &BlockHeader) -> Result<(), Error> {
        let Some((_, position)) = &self.progress else {
            return Ok(());
        };
        position
            .check(header)
            .map_err(|reason| self.damaged(reason))?;
        proof::refuse_unknown(&self.path, position, header.section, header.flags)?;
        let payload = &self.pending[BLOCK_HEADER_LEN..];
        proof::check_payload(position.chain(), header, payload)
            .map_err(|reason| self.damaged(reason))
    }

    fn store(&self) -> Result<(), Error> {
        self.file
            .write_all_at(self.offset(), &self.pending)
            .map_err(|e| Error::io(&self.path, "write", e))
    }

    fn damaged(&self, reason: &'static str) -> Error {
        Error::Damaged {
            path: self.path.clone(),
            offset: self.offset(),
            block: self
                .progress
                .as_ref()
                .map_or(0, |(_, position)| position.blocks()),
            reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use wal::fs::sim::SimFs;

    use super::*;

    #[test]
    #[should_panic(expected = "invariant snapshot-pieces")]
    fn a_piece_that_is_longer_than_it_says_is_caught() {
        let (disk, dir) = (SimFs::new(1), Path::new("/snap"));
        disk.create_dir_all(dir).expect("made");
        let mut receiver = Receiver::open(disk, dir).expect("opened");
        let (header, _) = format::encode_header(&Meta::default());
        receiver.pending.extend_from_slice(&header);
        receiver.pending.push(0);
        let _ = receiver.complete(Unit::Header);
    }
}
