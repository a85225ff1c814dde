//! Changes of who belongs to the cluster (cluster-and-config 4): proposed, judged when they are applied, and answered then.

use std::future::Future;
use std::pin::Pin;

use super::{Member, Service, ServiceError};
use crate::command::{Change, Proposal};
use crate::members::ChangeRefusal;

/// Lets other members reach a server that has been alone so far; the error says why they cannot.
pub(crate) type Growth =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    /// It does not hold.
    #[error(transparent)]
    Refused(#[from] ChangeRefusal),
    /// Nobody could reach this server.
    #[error("membership: other members could not reach this one: {0}")]
    Unreachable(String),
    /// There was no answer, or none that says whether it was made.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// An id is drawn at random.
    #[error("the system gives no random number: {0}")]
    NoRandomNumber(getrandom::Error),
}

impl Service {
    /// From now on [`Self::add_member`] asks this first.
    pub(crate) fn set_growth(&self, growth: Growth) {
        // There is one server to each service.
        let _ = self.inner.growth.set(growth);
    }

    /// A new member, which learns until it is level with the others.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub(crate) async fn add_member(
        &self,
        mut peer_urls: Vec<String>,
    ) -> Result<Member, ChangeError> {
        self.admitted()?;
        if let Some(growth) = self.inner.growth.get() {
            growth().await.map_err(ChangeError::Unreachable)?;
        }
        peer_urls.sort_unstable();
        let id = getrandom::u64()
            .map_err(ChangeError::NoRandomNumber)?
            .max(1);
        self.change(&Change::Add {
            id,
            peer_urls: peer_urls.clone(),
        })
        .await?;
        tracing::info!(
            "member {id:x} was added, and is to start at {}",
            peer_urls.join(", ")
        );
        Ok(Member::unstarted(id, peer_urls))
    }

    /// A member is reached elsewhere from now on.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub(crate) async fn move_member(
        &self,
        id: u64,
        mut peer_urls: Vec<String>,
    ) -> Result<(), ChangeError> {
        peer_urls.sort_unstable();
        self.change(&Change::Move { id, peer_urls }).await
    }

    /// A member leaves, for ever.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub(crate) async fn remove_member(&self, id: u64) -> Result<(), ChangeError> {
        self.change(&Change::Remove { id }).await?;
        tracing::info!("member {id:x} was removed");
        Ok(())
    }

    async fn change(&self, change: &Change) -> Result<(), ChangeError> {
        self.admitted()?;
        let applied = self.propose_own(Proposal::of_change(change)).await?;
        match applied.refused {
            Some(refusal) => Err(refusal.into()),
            None => Ok(()),
        }
    }

    /// Whether this member was removed, as far as it is applied here.
    pub(crate) fn is_removed(&self) -> Result<bool, ServiceError> {
        Ok(self.removed()?.contains(&self.member_id()))
    }
}
