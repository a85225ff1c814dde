//! The first frame in each direction: who speaks, to whom, and how. Who accepts answers with a greeting or a refusal.
//!
//! Greeting and refusal are protobuf messages, below. Their field numbers are the format of every version of the protocol:
//! two members must understand each other well enough to say that they do not.

use prost::Message as _;

use super::frame::{self, FrameError, FrameKind};
use super::message::StreamKind;

/// The versions of the protocol that this member speaks.
pub(super) const PROTOCOLS: (u32, u32) = (1, 1);

/// Bytes of a greeting or refusal.
pub(super) const GREETING_BYTES_MAX: usize = 4 << 10;

/// Characters of a text of the other side that are shown.
const TEXT_MAX: usize = 200;

#[derive(Clone, PartialEq, prost::Message)]
struct GreetingMessage {
    #[prost(uint32, tag = "1")]
    least: u32,
    #[prost(uint32, tag = "2")]
    most: u32,
    #[prost(fixed64, tag = "3")]
    cluster: u64,
    #[prost(fixed64, tag = "4")]
    from: u64,
    #[prost(fixed64, tag = "5")]
    to: u64,
    #[prost(fixed64, tag = "6")]
    founding: u64,
    /// 1 control, 2 bulk, 3 snapshot.
    #[prost(uint32, tag = "7")]
    stream: u32,
    #[prost(uint64, tag = "8")]
    heartbeat_ms: u64,
    #[prost(uint64, tag = "9")]
    election_ms: u64,
    #[prost(uint64, tag = "10")]
    wall_ms: u64,
    #[prost(string, tag = "11")]
    version: String,
    #[prost(uint32, tag = "12")]
    applies: u32,
    #[prost(bool, tag = "13")]
    founded: bool,
    #[prost(fixed64, tag = "14")]
    disk: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RefusalMessage {
    #[prost(uint32, tag = "1")]
    code: u32,
    #[prost(string, tag = "2")]
    text: String,
}

/// What a member says of itself when a stream begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Greeting {
    /// The least and the most version of the protocol that it speaks.
    pub(crate) protocols: (u32, u32),
    pub(crate) cluster: u64,
    /// Its own id.
    pub(crate) from: u64,
    /// The id of the one it means to speak to.
    pub(crate) to: u64,
    /// Drawn when the cluster was founded; 0 while it is not known.
    pub(crate) founding: u64,
    /// `None` for one that this version does not know.
    pub(crate) stream: Option<StreamKind>,
    pub(crate) heartbeat_ms: u64,
    pub(crate) election_ms: u64,
    pub(crate) wall_ms: u64,
    /// Of its program, for people.
    pub(crate) version: String,
    /// The highest version of commands that it can apply.
    pub(crate) applies: u32,
    /// Whether it belongs to a founded cluster, as far as it knows.
    pub(crate) founded: bool,
    /// Drawn when its data directory was founded.
    pub(crate) disk: u64,
}

/// Why a stream is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum GreetingFault {
    OtherCluster,
    OtherFounding,
    WrongMember,
    NoCommonProtocol,
    /// Both ends have the same id.
    SameMember,
    UnknownStream,
    /// The cluster is founded, and does not know that this member has started.
    NotStarted,
    /// It was a member, and is none any more.
    Removed,
    /// There are too many streams.
    Busy,
    /// A code of a later version.
    Other,
}

impl GreetingFault {
    const ALL: [(Self, u32, &'static str); 9] = [
        (Self::OtherCluster, 1, "other_cluster"),
        (Self::OtherFounding, 2, "other_founding"),
        (Self::WrongMember, 3, "wrong_member"),
        (Self::NoCommonProtocol, 4, "no_common_protocol"),
        (Self::SameMember, 5, "same_member"),
        (Self::UnknownStream, 6, "unknown_stream"),
        (Self::Busy, 7, "busy"),
        (Self::NotStarted, 8, "not_started"),
        (Self::Removed, 9, "removed"),
    ];

    /// For counters.
    pub(crate) fn word(self) -> &'static str {
        let mut all = Self::ALL.iter();
        all.find(|(fault, ..)| *fault == self)
            .map_or("other", |(.., word)| word)
    }

    fn code(self) -> u32 {
        let mut all = Self::ALL.iter();
        all.find(|(fault, ..)| *fault == self)
            .map_or(0, |(_, code, _)| *code)
    }

    fn from_code(code: u32) -> Self {
        let mut all = Self::ALL.iter();
        all.find(|(_, stands, _)| *stands == code)
            .map_or(Self::Other, |(fault, ..)| *fault)
    }
}

/// A refusal in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct StreamRefusal {
    pub(crate) fault: GreetingFault,
    /// What is wrong, and what to do.
    pub(crate) text: String,
}

/// What an answer to a greeting is.
#[derive(Debug)]
pub(super) enum GreetingAnswer {
    Greeted(Greeting),
    Refused(StreamRefusal),
}

/// Why a frame is no greeting.
#[derive(Debug, thiserror::Error)]
pub(super) enum GreetingError {
    #[error("the greeting does not decode: {0}; is the other end a member?")]
    Malformed(#[from] prost::DecodeError),
    #[error("a frame of kind {0:?} came instead of a greeting; is the other end a member?")]
    NoGreeting(FrameKind),
}

impl Greeting {
    pub(super) fn append(&self, out: &mut Vec<u8>) -> Result<(), FrameError> {
        let message = GreetingMessage {
            least: self.protocols.0,
            most: self.protocols.1,
            cluster: self.cluster,
            from: self.from,
            to: self.to,
            founding: self.founding,
            stream: match self.stream {
                Some(StreamKind::Control) => 1,
                Some(StreamKind::Bulk) => 2,
                Some(StreamKind::Snapshot) => 3,
                None => 0,
            },
            heartbeat_ms: self.heartbeat_ms,
            election_ms: self.election_ms,
            wall_ms: self.wall_ms,
            version: self.version.clone(),
            applies: self.applies,
            founded: self.founded,
            disk: self.disk,
        };
        frame::append(out, FrameKind::Greeting, |out| {
            message.encode(out).expect("a Vec grows");
        })
    }

    fn decode(payload: &[u8]) -> Result<Self, GreetingError> {
        let message = GreetingMessage::decode(payload)?;
        Ok(Self {
            protocols: (message.least, message.most),
            cluster: message.cluster,
            from: message.from,
            to: message.to,
            founding: message.founding,
            stream: match message.stream {
                1 => Some(StreamKind::Control),
                2 => Some(StreamKind::Bulk),
                3 => Some(StreamKind::Snapshot),
                _ => None,
            },
            heartbeat_ms: message.heartbeat_ms,
            election_ms: message.election_ms,
            wall_ms: message.wall_ms,
            version: shown(&message.version),
            applies: message.applies,
            founded: message.founded,
            disk: message.disk,
        })
    }

    /// Whether this member speaks with the one that said `theirs`. An id that is not known is no reason against it: its
    /// membership may be newer than ours.
    pub(super) fn judge(&self, theirs: &Self) -> Result<(), StreamRefusal> {
        use GreetingFault::{
            NoCommonProtocol, OtherCluster, OtherFounding, SameMember, UnknownStream, WrongMember,
        };
        let (own, its) = (self.from, theirs.from);
        let (fault, text) = if self.cluster != theirs.cluster {
            let (ours, theirs) = (self.cluster, theirs.cluster);
            let text = format!(
                "member {own:x} is of cluster {ours:x}, member {its:x} of {theirs:x}; correct the peer URLs"
            );
            (OtherCluster, text)
        } else if self.founding != 0 && theirs.founding != 0 && self.founding != theirs.founding {
            let text = format!(
                "members {own:x} and {its:x} were founded apart, with the same settings: each has data that the other lacks. \
                 Look at both (their logs and 'X-Etcd-Index' say how much they hold) and save the data directories before \
                 anything else; the one that is not wanted has to start anew from an empty one"
            );
            (OtherFounding, text)
        } else if its == own {
            let text = format!(
                "both ends are member {own:x}; a member was given its own peer URL for another, or its data directory \
                 was copied"
            );
            (SameMember, text)
        } else if theirs.to != own {
            let text = format!(
                "this is member {own:x}, and {:x} was meant; correct the peer URLs of these two",
                theirs.to
            );
            (WrongMember, text)
        } else if self.protocols.1 < theirs.protocols.0 || theirs.protocols.1 < self.protocols.0 {
            let ((least, most), (its_least, its_most)) = (self.protocols, theirs.protocols);
            let text = format!(
                "member {own:x} speaks the versions {least} to {most} of the peer protocol, member {its:x} \
                 {its_least} to {its_most}; update the older program"
            );
            (NoCommonProtocol, text)
        } else if theirs.stream.is_none() {
            let text = "a stream of a kind that this version does not know; update it".to_owned();
            (UnknownStream, text)
        } else {
            return Ok(());
        };
        Err(StreamRefusal { fault, text })
    }
}

impl StreamRefusal {
    pub(super) fn append(&self, out: &mut Vec<u8>) -> Result<(), FrameError> {
        let (code, text) = (self.fault.code(), self.text.clone());
        let message = RefusalMessage { code, text };
        frame::append(out, FrameKind::Refusal, |out| {
            message.encode(out).expect("a Vec grows");
        })
    }
}

/// The refusal of one that is not known to have started.
pub(super) fn not_started(own: u64, its: u64) -> StreamRefusal {
    StreamRefusal {
        fault: GreetingFault::NotStarted,
        text: format!(
            "member {own:x} belongs to a founded cluster, which has not admitted member {its:x} yet"
        ),
    }
}

/// The refusal of one that was removed.
pub(super) fn removed(own: u64, its: u64) -> StreamRefusal {
    StreamRefusal {
        fault: GreetingFault::Removed,
        text: format!("member {own:x} knows that member {its:x} was removed from the cluster"),
    }
}

/// The refusal of one who is not the member that was dialled.
pub(super) fn other_member(answers: u64, dialled: u64) -> StreamRefusal {
    StreamRefusal {
        fault: GreetingFault::WrongMember,
        text: format!(
            "member {answers:x} answers where {dialled:x} was dialled; correct the peer URLs of these two"
        ),
    }
}

/// What came first on a stream.
pub(super) fn decode(frame: &frame::PeerFrame) -> Result<GreetingAnswer, GreetingError> {
    match frame.kind {
        FrameKind::Greeting => Ok(GreetingAnswer::Greeted(Greeting::decode(&frame.payload)?)),
        FrameKind::Refusal => {
            let message = RefusalMessage::decode(&*frame.payload)?;
            Ok(GreetingAnswer::Refused(StreamRefusal {
                fault: GreetingFault::from_code(message.code),
                text: shown(&message.text),
            }))
        }
        kind => Err(GreetingError::NoGreeting(kind)),
    }
}

/// A text of somebody else, fit for one line of a log.
fn shown(text: &str) -> String {
    let characters = text.chars().filter(|character| !character.is_control());
    characters.take(TEXT_MAX).collect()
}
