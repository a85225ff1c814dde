//! How a stream begins: two greetings, or a greeting and a refusal, within [`WITHIN`].

use std::future::Future;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::frame::{FrameError, FrameReader};
use super::greeting::{
    self, GREETING_BYTES_MAX, Greeting, GreetingAnswer, GreetingError, StreamRefusal,
};

/// For both greetings together.
pub(super) const WITHIN: Duration = Duration::from_secs(5);

/// Why a stream did not begin.
#[derive(Debug, thiserror::Error)]
pub(super) enum HandshakeError {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Greeting(#[from] GreetingError),
    #[error("no greeting came within {WITHIN:?}; is the other end a member, and not overloaded?")]
    Silent,
    #[error("the stream ended instead of a greeting; the other end is stopping, or is no member")]
    Ended,
    #[error("it spoke on behind its greeting; is it of another version?")]
    Spoke,
    #[error("it refuses: {0}")]
    Refused(StreamRefusal),
    #[error("refused here: {0}")]
    Refuses(StreamRefusal),
}

impl HandshakeError {
    /// For counters and the log.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Silent | Self::Frame(FrameError::Silent(_)) => "silent",
            Self::Frame(_) | Self::Greeting(_) => "not_a_member",
            Self::Spoke => "spoke",
            Self::Ended => "ended",
            Self::Refused(refusal) | Self::Refuses(refusal) => refusal.fault.word(),
        }
    }
}

/// Greets as the one who dialled, and returns the answer.
pub(super) async fn introduce<S>(stream: &mut S, own: &Greeting) -> Result<Greeting, HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    in_time(async {
        let mut bytes = Vec::new();
        own.append(&mut bytes)?;
        stream.write_all(&bytes).await.map_err(FrameError::Io)?;
        stream.flush().await.map_err(FrameError::Io)?;
        let mut reader = FrameReader::new(stream, WITHIN);
        match read(&mut reader).await? {
            // It would be lost with this reader.
            GreetingAnswer::Greeted(_) if reader.has_more() => Err(HandshakeError::Spoke),
            GreetingAnswer::Greeted(theirs) => match own.judge(&theirs) {
                Ok(()) if theirs.from != own.to => {
                    let (from, to) = (theirs.from, own.to);
                    Err(HandshakeError::Refuses(greeting::other_member(from, to)))
                }
                Ok(()) => Ok(theirs),
                Err(refusal) => Err(HandshakeError::Refuses(refusal)),
            },
            GreetingAnswer::Refused(refusal) => Err(HandshakeError::Refused(refusal)),
        }
    })
    .await
}

/// Waits for the greeting of the one who dialled, and answers. `judge` says with what.
pub(super) async fn welcome<R, W>(
    reader: &mut FrameReader<R>,
    writer: &mut W,
    judge: impl FnOnce(&Greeting) -> Result<Greeting, StreamRefusal>,
) -> Result<Greeting, HandshakeError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    in_time(async {
        let GreetingAnswer::Greeted(theirs) = read(reader).await? else {
            return Err(HandshakeError::Ended);
        };
        let mut bytes = Vec::new();
        let judged = judge(&theirs);
        match &judged {
            Ok(own) => own.append(&mut bytes)?,
            Err(refusal) => refusal.append(&mut bytes)?,
        }
        writer.write_all(&bytes).await.map_err(FrameError::Io)?;
        writer.flush().await.map_err(FrameError::Io)?;
        match judged {
            Ok(_) => Ok(theirs),
            Err(refusal) => Err(HandshakeError::Refuses(refusal)),
        }
    })
    .await
}

async fn read<R: AsyncRead + Unpin>(
    reader: &mut FrameReader<R>,
) -> Result<GreetingAnswer, HandshakeError> {
    let frame = reader.next(GREETING_BYTES_MAX).await?;
    Ok(greeting::decode(&frame.ok_or(HandshakeError::Ended)?)?)
}

async fn in_time(
    greets: impl Future<Output = Result<Greeting, HandshakeError>>,
) -> Result<Greeting, HandshakeError> {
    match timeout(WITHIN, greets).await {
        Ok(greeted) => greeted,
        Err(_) => Err(HandshakeError::Silent),
    }
}
