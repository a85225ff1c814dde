//! Reads: linearizable unless asked otherwise, served from this member's store.

use storage::operation::Node;
use storage::path::KeyPath;

use super::{Caller, Consistency, ListedNode, ListingVisitor, Position, Service, ServiceError};
use crate::config::ReadMode;

/// A read that may be served now: authorised, and as fresh as it was asked to be.
#[derive(Clone)]
pub struct ReadGrant {
    service: Service,
    path: KeyPath,
    recursive: bool,
}

impl Service {
    /// Grants a read. Alone and leading, it does so without waiting; else one read index is shared by all that wait.
    pub async fn read(
        &self,
        _caller: &Caller,
        path: &KeyPath,
        recursive: bool,
        consistency: Consistency,
    ) -> Result<ReadGrant, ServiceError> {
        let linearizable = match consistency {
            Consistency::Linearizable => true,
            Consistency::Local => false,
            Consistency::Default => self.parts.facts.default_read == ReadMode::Linearizable,
        };
        if linearizable && !self.parts.status.reads_at_once() {
            self.linearize().await?;
        }
        Ok(ReadGrant {
            service: self.clone(),
            path: path.clone(),
            recursive,
        })
    }

    /// Waits until everything acknowledged before this call is applied here.
    pub(super) async fn linearize(&self) -> Result<(), ServiceError> {
        if self.parts.status.reads_at_once() {
            return Ok(());
        }
        let answer = self.parts.intake.read()?;
        match tokio::time::timeout(self.parts.facts.request_timeout, answer).await {
            Ok(Ok(outcome)) => Ok(outcome?),
            Ok(Err(_)) => Err(ServiceError::Stopped),
            Err(_) => Err(ServiceError::TimedOut),
        }
    }
}

impl ReadGrant {
    /// The node itself, without children.
    pub fn node(&self) -> Result<(Node, Position), ServiceError> {
        let (found, revision) = self.service.parts.store.get(&self.path)?;
        self.service.parts.counters.gets.add(found.is_ok());
        match found {
            Ok(node) => Ok((node, self.service.position(revision))),
            Err(refusal) => Err(ServiceError::Refused { refusal, revision }),
        }
    }

    /// The directory and its visible descendants (children only, unless the read is recursive), from one view.
    /// Blocks for as long as the visitor does.
    pub fn list(&self, visitor: &mut dyn ListingVisitor) -> Result<(), ServiceError> {
        let lease = self.service.parts.store.lease()?;
        let view = lease.view();
        let revision = view.revision();
        let directory = view
            .node(&self.path)?
            .map_err(|refusal| ServiceError::Refused { refusal, revision })?;
        let is_directory = directory.dir;
        if visitor
            .begin(&directory, self.service.position(revision))
            .is_break()
            || !is_directory
        {
            return Ok(());
        }
        let mut walk = view.walk(&self.path, self.recursive, false);
        while let Some(item) = walk.next()? {
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
        Ok(())
    }

    /// Cluster time, for the TTLs that are shown.
    pub fn now(&self) -> u64 {
        self.service.cluster_now()
    }
}
