//! The frames that a stream between members consists of.
//!
//! ```text
//! offset  bytes  what
//!      0      4  length L of the payload, u32 LE, at most FRAME_BYTES_MAX
//!      4      4  CRC32 of kind and payload, u32 LE
//!      8      1  kind: 1 greeting, 2 refusal, 3 Raft message, 4 offer, 5 received, 6 ping (empty), 7 fit (1 or 0),
//!                of a snapshot 8 head, 9 offset to go on from (u64 LE), 10 piece, 11 end;
//!                12 time, 13 decided
//!      9      L  payload
//! ```
//!
//! A reader never holds more than what has arrived and a quarter of it, or [`LEAST_STEP`]: a lying length costs nothing.

use std::io;
use std::time::Duration;

use crc32fast::Hasher;
use tokio::io::{AsyncRead, AsyncReadExt, BufReader};
use tokio::time::timeout;

/// Bytes of a payload. The largest are an offer of 16 MiB and an append that holds one command of 15 MiB.
pub(super) const FRAME_BYTES_MAX: usize = 18 << 20;

/// Bytes before the payload.
pub(super) const HEADER_BYTES: usize = 9;

/// What the reader of a long payload takes room for at a time, at least and at most.
const LEAST_STEP: usize = 64 << 10;
const LARGEST_STEP: usize = 1 << 20;

/// What is read from the socket at a time.
const READ_BYTES: usize = 64 << 10;

/// What a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum FrameKind {
    Greeting = 1,
    Refusal = 2,
    Raft = 3,
    Offer = 4,
    Received = 5,
    Ping = 6,
    Fit = 7,
    SnapshotHead = 8,
    SnapshotAt = 9,
    SnapshotPiece = 10,
    SnapshotEnd = 11,
    Time = 12,
    Decided = 13,
}

impl FrameKind {
    fn from_byte(byte: u8) -> Option<Self> {
        const ALL: [FrameKind; 13] = [
            FrameKind::Greeting,
            FrameKind::Refusal,
            FrameKind::Raft,
            FrameKind::Offer,
            FrameKind::Received,
            FrameKind::Ping,
            FrameKind::Fit,
            FrameKind::SnapshotHead,
            FrameKind::SnapshotAt,
            FrameKind::SnapshotPiece,
            FrameKind::SnapshotEnd,
            FrameKind::Time,
            FrameKind::Decided,
        ];
        ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// Why no frame could be read or written. A stream ends with it: where the next frame would begin is not known.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    #[error("the stream failed: {0}; it is dialled again")]
    Io(#[from] io::Error),
    #[error("nothing came for {0:?}; look at the sender and the network between")]
    Silent(Duration),
    #[error("the stream ended within a frame, after {had} of {wanted} bytes; it is dialled again")]
    Truncated { had: usize, wanted: usize },
    #[error("a frame of {bytes} bytes, at most {most} are taken; is the sender a member?")]
    TooLarge { bytes: usize, most: usize },
    #[error(
        "the checksum of a frame is {stands:08x} and should be {wanted:08x}; look for a faulty network"
    )]
    Checksum { stands: u32, wanted: u32 },
    #[error("a frame of the unknown kind {0}; is the sender of a newer version?")]
    UnknownKind(u8),
}

/// One frame as it came.
#[derive(Debug)]
pub(super) struct PeerFrame {
    pub(super) kind: FrameKind,
    pub(super) payload: Vec<u8>,
}

/// Appends a frame whose payload `write` appends. What is too large leaves `out` as it was.
pub(super) fn append(
    out: &mut Vec<u8>,
    kind: FrameKind,
    write: impl FnOnce(&mut Vec<u8>),
) -> Result<(), FrameError> {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    out[start + 8] = kind as u8;
    write(out);
    let bytes = out.len() - start - HEADER_BYTES;
    if bytes > FRAME_BYTES_MAX {
        out.truncate(start);
        let most = FRAME_BYTES_MAX;
        return Err(FrameError::TooLarge { bytes, most });
    }
    let checksum = crc32fast::hash(&out[start + 8..]);
    // At most 18 MiB.
    out[start..start + 4].copy_from_slice(&(bytes as u32).to_le_bytes());
    out[start + 4..start + 8].copy_from_slice(&checksum.to_le_bytes());
    Ok(())
}

/// Takes frames from a stream.
#[derive(Debug)]
pub(super) struct FrameReader<R> {
    stream: BufReader<R>,
    /// How long nothing may come. Counted for bytes, not frames: a large one may take long on a slow line.
    silence: Duration,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(super) fn new(stream: R, silence: Duration) -> Self {
        let stream = BufReader::with_capacity(READ_BYTES, stream);
        Self { stream, silence }
    }

    pub(super) fn set_silence(&mut self, silence: Duration) {
        self.silence = silence;
    }

    /// Whether bytes behind the last frame have come.
    pub(super) fn has_more(&self) -> bool {
        !self.stream.buffer().is_empty()
    }

    /// The next frame with a payload of at most `most` bytes; `None` where the stream ended before it. Not to be dropped
    /// before it is done, unless the stream is dropped as well.
    pub(super) async fn next(&mut self, most: usize) -> Result<Option<PeerFrame>, FrameError> {
        let mut header = [0; HEADER_BYTES];
        let mut had = 0;
        while had < HEADER_BYTES {
            let read = self.stream.read(&mut header[had..]);
            match in_time(self.silence, read).await? {
                0 if had == 0 => return Ok(None),
                0 => {
                    let wanted = HEADER_BYTES;
                    return Err(FrameError::Truncated { had, wanted });
                }
                read => had += read,
            }
        }
        let [l0, l1, l2, l3, c0, c1, c2, c3, kind] = header;
        let bytes = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if bytes > most {
            return Err(FrameError::TooLarge { bytes, most });
        }
        let payload = self.payload(bytes).await?;
        let stands = u32::from_le_bytes([c0, c1, c2, c3]);
        let mut hasher = Hasher::new();
        hasher.update(&[kind]);
        hasher.update(&payload);
        let wanted = hasher.finalize();
        if stands != wanted {
            return Err(FrameError::Checksum { stands, wanted });
        }
        let kind = FrameKind::from_byte(kind).ok_or(FrameError::UnknownKind(kind))?;
        Ok(Some(PeerFrame { kind, payload }))
    }

    async fn payload(&mut self, wanted: usize) -> Result<Vec<u8>, FrameError> {
        let mut payload = Vec::new();
        while payload.len() < wanted {
            let had = payload.len();
            if payload.capacity() == had {
                let step = (had / 4).clamp(LEAST_STEP, LARGEST_STEP);
                payload.reserve_exact(step.min(wanted - had));
            }
            let room = (payload.capacity() - had).min(wanted - had) as u64;
            let mut piece = (&mut self.stream).take(room);
            if in_time(self.silence, piece.read_buf(&mut payload)).await? == 0 {
                return Err(FrameError::Truncated { had, wanted });
            }
        }
        Ok(payload)
    }
}

async fn in_time(
    silence: Duration,
    read: impl Future<Output = io::Result<usize>>,
) -> Result<usize, FrameError> {
    match timeout(silence, read).await {
        Ok(read) => Ok(read?),
        Err(_) => Err(FrameError::Silent(silence)),
    }
}
