//! `member`: who belongs to the cluster (etcdctl reference 10.1 to 10.4).

use etcd2::client::{Client, Error};

use super::failure::CommandFailure;
use super::membership::{remove, say_settings};
use super::peer_url;
use super::replace::Replacement;
use super::session::Session;
use crate::definition::MemberCommand;

pub(super) async fn run(
    session: &mut Session,
    command: MemberCommand,
) -> Result<(), CommandFailure> {
    // What is wrong with the words is told before anybody is asked.
    let urls = match &command {
        MemberCommand::Add { peer_url, .. } | MemberCommand::Replace { peer_url, .. } => {
            peer_url::all(std::slice::from_ref(peer_url))?
        }
        MemberCommand::Update { peer_urls, .. } => peer_url::all(peer_urls)?,
        MemberCommand::List | MemberCommand::Remove { .. } => Vec::new(),
    };
    let client = session.connect().await?;
    match command {
        MemberCommand::List => list(session, &client).await,
        MemberCommand::Add { name, .. } => add(session, &client, &name, &urls).await,
        MemberCommand::Remove { id } => remove(session, &client, &id).await,
        MemberCommand::Update { id, .. } => update(session, &client, &id, &urls).await,
        MemberCommand::Replace { id, name, .. } => {
            let replacement = Replacement {
                id: &id,
                urls: &urls,
                name: name.as_deref(),
            };
            replacement.run(session, &client).await
        }
    }
}

async fn list(session: &mut Session, client: &Client) -> Result<(), CommandFailure> {
    let members = session.call(client.members()).await?;
    let leader = session
        .call(client.leader())
        .await
        .map_err(|failure| failure.because("Failed to get leader:  "))?;
    for member in members {
        let peers = member.peer_urls.join(",");
        if member.name.is_empty() {
            let line = format!("{}[unstarted]: peerURLs={peers}", member.id);
            session.screen.line(&[&line])?;
            continue;
        }
        let line = format!(
            "{}: name={} peerURLs={peers} clientURLs={} isLeader={}{}",
            member.id,
            member.name,
            member.client_urls.join(","),
            member.id == leader.id,
            // Said where it is so: the original knows none.
            if member.is_learner {
                " isLearner=true"
            } else {
                ""
            }
        );
        session.screen.line(&[&line])?;
    }
    Ok(())
}

/// Prints what the new member must be started with. Its name goes nowhere but into that text.
async fn add(
    session: &mut Session,
    client: &Client,
    name: &str,
    urls: &[String],
) -> Result<(), CommandFailure> {
    let added = session.call(client.add_member(urls)).await?;
    // Told before anything else can fail: it is done, and its ID is what undoes it.
    let said = format!(
        "Added member named {name} with ID {} to cluster\n",
        added.id
    );
    session.screen.line(&[&said])?;
    session.screen.flush()?;
    say_settings(session, client, name, &added.id).await
}

async fn update(
    session: &mut Session,
    client: &Client,
    id: &str,
    urls: &[String],
) -> Result<(), CommandFailure> {
    let outcome = session.call(client.update_member(id, urls)).await;
    if let Err(CommandFailure::Bare { error, .. }) = &outcome
        && matches!(**error, Error::Refused { status: 404, .. })
    {
        return Err(CommandFailure::text(1, format!("No such member: {id}")));
    }
    outcome?;
    session
        .screen
        .line(&[&format!("Updated member with ID {id} in cluster")])?;
    Ok(())
}
