//! Changes of who belongs to the cluster (cluster-and-config 4): proposed, judged when they are applied, and answered then.

use super::growth::{Growth, MemberChangeError};
use super::{Member, Service, ServiceError};
use crate::command::{Change, Proposal};

impl Service {
    /// From now on [`Self::add_member`] asks this first.
    pub(crate) fn set_growth(&self, growth: Growth) {
        // There is one server to each service.
        let _ = self.inner.growth.set(growth);
    }

    /// A new member, which learns until it is level with the others.
    ///
    /// # Errors
    /// See [`MemberChangeError`].
    pub(crate) async fn add_member(
        &self,
        mut peer_urls: Vec<String>,
    ) -> Result<Member, MemberChangeError> {
        self.admitted()?;
        if let Some(growth) = self.inner.growth.get() {
            growth().await.map_err(MemberChangeError::Unreachable)?;
        }
        peer_urls.sort_unstable();
        let id = getrandom::u64()
            .map_err(MemberChangeError::NoRandomNumber)?
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
    /// See [`MemberChangeError`].
    pub(crate) async fn move_member(
        &self,
        id: u64,
        mut peer_urls: Vec<String>,
    ) -> Result<(), MemberChangeError> {
        peer_urls.sort_unstable();
        let places = peer_urls.join(", ");
        self.change(&Change::Move { id, peer_urls }).await?;
        tracing::info!("member {id:x} is reached at {places} from now on");
        Ok(())
    }

    /// A member leaves, for ever.
    ///
    /// # Errors
    /// See [`MemberChangeError`].
    pub(crate) async fn remove_member(&self, id: u64) -> Result<(), MemberChangeError> {
        self.change(&Change::Remove { id }).await?;
        tracing::info!("member {id:x} was removed");
        Ok(())
    }

    async fn change(&self, change: &Change) -> Result<(), MemberChangeError> {
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
