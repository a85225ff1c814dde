//! What front ends say to the service, and what they get back.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

use storage::operation::{Event, Lifetime, Node};

/// Who asks. Every method of the service takes one, so that authorisation has one place.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The name and password of Basic authentication, undecided until the service looks at them.
    #[expect(dead_code, reason = "there are no users yet to check them against")]
    pub credentials: Option<(String, String)>,
    /// The common name of a verified client certificate.
    #[expect(dead_code, reason = "there are no users yet to check it against")]
    pub certificate_name: Option<String>,
    /// Where the request came from.
    pub address: SocketAddr,
}

/// How fresh a read must be (design 10: linearizable by default).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Consistency {
    /// What the node was configured with (`--default-read`).
    #[default]
    Default,
    /// `quorum=true`: never older than any acknowledged write.
    Linearizable,
    /// `local=true`: this member's state as it is.
    Local,
}

/// Where the answering member stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MemberPosition {
    /// The revision of the tree the answer comes from.
    pub revision: u64,
    /// The commit index of the answering member.
    pub raft_index: u64,
    /// The term of the answering member.
    pub raft_term: u64,
}

/// An acknowledged write: durable, applied and visible.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    /// What changed.
    pub event: Arc<Event>,
    /// `revision` is the event's.
    pub position: MemberPosition,
}

/// A watch as a client asks for it (keys-api 8.1).
#[derive(Debug, Clone)]
pub(crate) struct WatchRequest {
    /// The watched path; it need not exist.
    pub path: storage::path::KeyPath,
    /// Whether changes below count.
    pub recursive: bool,
    /// `waitIndex`: the first revision that counts; 0 is "from now".
    pub from: u64,
    /// Whether the watch goes on after its first event.
    pub stream: bool,
}

/// One node of a listing, borrowed from the view that is walked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListedNode<'a> {
    /// The whole path.
    pub path: &'a [u8],
    /// The value of a file; `None` for a directory.
    pub value: Option<&'a [u8]>,
    /// `createdIndex`.
    pub created: u64,
    /// `modifiedIndex`.
    pub modified: u64,
    /// TTL, if any.
    pub lifetime: Option<Lifetime>,
}

/// Receives a listing in tree order (a directory directly before its subtree) from one consistent view.
pub(crate) trait ListingVisitor {
    /// The directory itself; called once, first. `Break` ends the walk.
    fn begin(&mut self, directory: &Node, position: MemberPosition) -> ControlFlow<()>;
    /// One visible descendant; `depth` 1 is a child of the directory.
    fn node(&mut self, depth: usize, node: ListedNode<'_>) -> ControlFlow<()>;
    /// How many rows may be looked at for the listing, hidden and removed ones included; `None` for as many as it
    /// takes.
    fn rows_at_most(&self) -> Option<usize> {
        None
    }
    /// The listing ended before its end because of [`Self::rows_at_most`].
    fn cut(&mut self) {}
}
