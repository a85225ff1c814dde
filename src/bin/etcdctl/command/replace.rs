//! `member replace`: a new member in the place of one, in an order in which the cluster never has fewer members than before.
//!
//! It can be interrupted and run again: what is done already is found in the list of members. But a member that has its vote may be any
//! one, whose address was named by mistake: then nothing is removed, and the step that is left is told.

use std::time::Duration;

use etcd2::client::{Client, MemberInfo};

use super::failure::CommandFailure;
use super::membership;
use super::session::Session;
use crate::output::complain;

/// Between two looks at the members.
const PAUSE: Duration = Duration::from_secs(1);
/// The most members that have a vote.
const VOTERS_MAX: usize = 9;
/// Looks between two words about a new member that does not come.
const WORDS_EVERY: u32 = 30;

/// Who takes whose place.
pub(super) struct Replacement<'a> {
    pub(super) id: &'a str,
    pub(super) urls: &'a [String],
    /// The name of the new one; that of the old one with a part of the new ID if none is given.
    pub(super) name: Option<&'a str>,
}

impl Replacement<'_> {
    pub(super) async fn run(
        &self,
        session: &mut Session,
        client: &Client,
    ) -> Result<(), CommandFailure> {
        let members = session.call(client.members()).await?;
        let old = members.iter().find(|member| member.id == self.id);
        let there = self.new_in(&members).cloned();
        let new = match (there, old) {
            (Some(new), None) if is_ready(&new) => {
                let text = format!(
                    "Member {} is not in the cluster, and {} is at {}: nothing is left to do",
                    self.id,
                    new.id,
                    self.urls.join(",")
                );
                return Ok(session.screen.line(&[&text])?);
            }
            (Some(new), Some(_)) if is_ready(&new) => {
                let text = format!(
                    "Member {} is at {} already, and has its vote: if it is the one that takes the place of {}, remove that one with\n\tetcdctl \
                     member remove {}",
                    new.id,
                    self.urls.join(","),
                    self.id,
                    self.id
                );
                return Err(CommandFailure::text(1, text));
            }
            (Some(new), _) => new,
            (None, Some(_))
                if members.iter().filter(|one| !one.is_learner).count() >= VOTERS_MAX =>
            {
                let text = format!(
                    "There are {VOTERS_MAX} members with a vote, and no more can get one: remove {} first, then add the new one",
                    self.id
                );
                return Err(CommandFailure::text(1, text));
            }
            (None, None) => {
                let text = format!(
                    "Couldn't find a member in the cluster with an ID of {}.",
                    self.id
                );
                return Err(CommandFailure::text(1, text));
            }
            (None, Some(_)) => self.add(session, client).await?,
        };
        if !is_ready(&new) {
            if new.name.is_empty() {
                self.say_settings(session, client, old, &new).await?;
            }
            self.wait(session, client, &new.id).await?;
        }
        if old.is_some() {
            membership::remove(session, client, self.id).await?;
        }
        Ok(())
    }

    fn new_in<'a>(&self, members: &'a [MemberInfo]) -> Option<&'a MemberInfo> {
        let mut others = members.iter().filter(|member| member.id != self.id);
        others.find(|member| member.peer_urls.iter().any(|url| self.urls.contains(url)))
    }

    async fn add(
        &self,
        session: &mut Session,
        client: &Client,
    ) -> Result<MemberInfo, CommandFailure> {
        let added = session.call(client.add_member(self.urls)).await?;
        let said = format!("Added member with ID {} to cluster\n", added.id);
        session.screen.line(&[&said])?;
        session.screen.flush()?;
        Ok(added)
    }

    async fn say_settings(
        &self,
        session: &mut Session,
        client: &Client,
        old: Option<&MemberInfo>,
        new: &MemberInfo,
    ) -> Result<(), CommandFailure> {
        let base = old.map_or("node", |old| &old.name);
        let short = new.id.get(..4).unwrap_or(&new.id);
        // Names tell members apart in the list that the new one is started with, and the old one is in it still.
        let name = match self.name {
            Some(name) => name.to_owned(),
            None => format!("{base}-{short}"),
        };
        session
            .screen
            .line(&["start it on an empty data directory with:\n"])?;
        membership::say_settings(session, client, &name, &new.id).await?;
        Ok(session.screen.flush()?)
    }

    /// Until the new member has its vote.
    async fn wait(
        &self,
        session: &Session,
        client: &Client,
        id: &str,
    ) -> Result<(), CommandFailure> {
        let mut looks = 0;
        loop {
            let state = match session.call(client.members()).await {
                Ok(members) => match members.into_iter().find(|member| member.id == id) {
                    Some(new) if is_ready(&new) => return Ok(()),
                    Some(new) if new.name.is_empty() => "it has not started yet",
                    Some(_) => "it takes the state of the others",
                    None => {
                        let text = format!("Member {id} was removed meanwhile: run this again");
                        return Err(CommandFailure::text(1, text));
                    }
                },
                // Whoever answered may be the one that stops.
                Err(_) => "the members cannot be listed just now",
            };
            if looks % WORDS_EVERY == 0 {
                complain(&format!(
                    "waiting for member {id}: {state} (this can be interrupted and run again)\n"
                ));
            }
            looks += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Whether a member has started, and has its vote.
fn is_ready(member: &MemberInfo) -> bool {
    !member.name.is_empty() && !member.is_learner
}
