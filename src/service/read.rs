//! Reads: linearizable unless asked otherwise, served from this member's store.

use std::time::Duration;

use storage::operation::{Node, Refusal};
use storage::path::KeyPath;

use super::lapsed::{Lapsed, OVERDUE_NANOSECONDS, Sieve};
use super::{
    Caller, Consistency, ListedNode, ListingVisitor, MemberPosition, Service, ServiceError,
    StorageFault,
};
use crate::config::ReadMode;
use crate::node::outcome::AwaitedRead;

/// How long a read waits at most for such nodes to go.
const OVERDUE_WAIT: Duration = Duration::from_secs(1);

/// A read that may be served now: authorised, and as fresh as it was asked to be.
#[derive(Clone)]
pub(crate) struct ReadGrant {
    service: Service,
    path: KeyPath,
    recursive: bool,
    lapsed: Lapsed,
}

impl Service {
    /// Grants a read. Alone and leading, it does so without waiting; else one read index is shared by all that wait.
    pub(crate) async fn read(
        &self,
        _caller: &Caller,
        path: &KeyPath,
        recursive: bool,
        consistency: Consistency,
    ) -> Result<ReadGrant, ServiceError> {
        self.admitted()?;
        let mut lapsed = Lapsed::default();
        if self.is_linearizable(consistency) {
            self.linearize().await?;
            if self.expiry_is_overdue() {
                lapsed = self.await_expiry().await;
            }
        } else if self.is_behind_answers() {
            self.catch_up_with_answers().await?;
        }
        Ok(ReadGrant {
            service: self.clone(),
            path: path.clone(),
            recursive,
            lapsed,
        })
    }

    /// Whether such a read sees all that was acknowledged before it.
    pub(crate) fn is_linearizable(&self, consistency: Consistency) -> bool {
        match consistency {
            Consistency::Linearizable => true,
            Consistency::Local => false,
            Consistency::Default => self.settings().default_read == ReadMode::Linearizable,
        }
    }

    /// Whether clients of this member were told of writes that it has not applied: the leader said what became of them.
    pub(crate) fn is_behind_answers(&self) -> bool {
        let status = &self.node().status;
        status.answered() > status.applied()
    }

    /// Waits until they are applied: who wrote here finds here what it wrote, however it reads.
    pub(super) async fn catch_up_with_answers(&self) -> Result<(), ServiceError> {
        let status = &self.node().status;
        let term = status.term();
        let answer = self.node().intake.read_behind(status.answered())?;
        self.granted(answer, term).await
    }

    /// Waits until everything acknowledged before this call is applied here.
    pub(super) async fn linearize(&self) -> Result<(), ServiceError> {
        if self.node().status.reads_at_once() {
            return Ok(());
        }
        let term = self.node().status.term();
        let answer = self.node().intake.read()?;
        self.granted(answer, term).await
    }

    async fn granted(&self, answer: AwaitedRead, term: u64) -> Result<(), ServiceError> {
        match tokio::time::timeout(self.settings().request_timeout, answer).await {
            Ok(Ok(outcome)) => Ok(outcome?),
            Ok(Err(_)) => Err(ServiceError::Stopped),
            Err(_) => Err(self.timed_out(term)),
        }
    }

    /// Whether a deadline passed so long ago that this process, or all who might lead, must have slept.
    fn expiry_is_overdue(&self) -> bool {
        self.node().store.next_deadline().is_some_and(|deadline| {
            deadline.saturating_add(OVERDUE_NANOSECONDS) < self.node().clock.now()
        })
    }

    /// After a pause the node wakes with its clients: the consensus thread, which answers this only after the expiry that
    /// is due, has its turn first. Where nothing can expire (no room, a damaged store), the read treats what lapsed as
    /// gone. Where the expiry is only late (no leader, a disk that hangs, a long wave), it is served all the same: the
    /// nodes are there.
    async fn await_expiry(&self) -> Lapsed {
        let status = &self.node().status;
        if status.refuses_writes().is_some() {
            return Lapsed::at(self.node().clock.now());
        }
        if status.watchdog().is_slow() {
            return Lapsed::default();
        }
        if let Ok(answer) = self.node().intake.read() {
            let _ = tokio::time::timeout(OVERDUE_WAIT, answer).await;
        }
        Lapsed::default()
    }
}

impl ReadGrant {
    /// The node itself, without children.
    pub(crate) fn node(&self) -> Result<(Node, MemberPosition), ServiceError> {
        let found = self.service.node().store.get(&self.path);
        let (mut found, revision) = found.map_err(|error| self.service.broken(error))?;
        if let (true, Ok(node)) = (self.lapsed.is_some(), &found) {
            found = self
                .sift(node.clone())
                .map_err(|error| self.service.broken(error))?;
        }
        self.service.node().counters.gets.add(found.is_ok());
        match found {
            Ok(node) => Ok((node, self.service.position(revision))),
            Err(refusal) => Err(ServiceError::Refused { refusal, revision }),
        }
    }

    /// Nothing is applied while nodes count as gone, so a second look sees what the first one saw.
    fn sift(&self, node: Node) -> Result<Result<Node, Refusal>, storage::Error> {
        let lease = self.service.node().store.lease()?;
        self.lapsed.sift(&lease.view(), node)
    }

    /// The directory and its visible descendants (children only, unless the read is recursive), from one view.
    /// Blocks for as long as the visitor does.
    pub(crate) fn list(&self, visitor: &mut dyn ListingVisitor) -> Result<(), ServiceError> {
        match self.walk(visitor) {
            Err(Walked::Store(error)) => Err(self.service.broken(error)),
            Err(Walked::Refused(error)) => Err(error),
            Ok(()) => Ok(()),
        }
    }

    fn walk(&self, visitor: &mut dyn ListingVisitor) -> Result<(), Walked> {
        let lease = self.service.node().store.lease()?;
        let view = lease.view();
        let revision = view.revision();
        let found = match view.node(&self.path)? {
            Ok(node) => self.lapsed.sift(&view, node)?,
            missing => missing,
        };
        let directory = found
            .map_err(|refusal| Walked::Refused(ServiceError::Refused { refusal, revision }))?;
        let is_directory = directory.dir;
        if visitor
            .begin(&directory, self.service.position(revision))
            .is_break()
            || !is_directory
        {
            return Ok(());
        }
        let mut sieve = Sieve::new(self.lapsed);
        let mut walk = match visitor.rows_at_most() {
            None => view.walk(&self.path, self.recursive, false),
            Some(rows) => view.quick_walk(&self.path, self.recursive, false, rows),
        };
        while let Some(item) = walk.next()? {
            if lease.is_recalled() {
                return Err(Walked::Refused(StorageFault::Reopening.into()));
            }
            if !sieve.shows(item.path, item.lifetime) {
                continue;
            }
            let node = ListedNode {
                path: item.path,
                value: item.value,
                created: item.created,
                modified: item.modified,
                lifetime: item.lifetime,
            };
            if visitor.node(item.depth, node).is_break() {
                return Ok(());
            }
        }
        if walk.is_cut() {
            visitor.cut();
        }
        Ok(())
    }

    /// Whether the store waits for this read's view to end, because it has to be reopened.
    pub(crate) fn is_recalled(&self) -> bool {
        self.service.node().store.is_reopening()
    }

    /// Cluster time, for the TTLs that are shown.
    pub(crate) fn now(&self) -> u64 {
        self.service.cluster_now()
    }
}

/// Why a listing ends early.
enum Walked {
    Store(storage::Error),
    Refused(ServiceError),
}

impl From<storage::Error> for Walked {
    fn from(error: storage::Error) -> Self {
        Self::Store(error)
    }
}
