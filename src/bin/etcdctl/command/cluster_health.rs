//! `cluster-health`: every member asked for itself (etcdctl reference 10.5).

use std::time::Duration;

use etcd2::client::{Attempt, Cause, Client, Endpoint, HealthError, MemberInfo, within};

use super::failure::{CommandFailure, TAKE_LARGER, UNHEALTHY};
use super::interrupt;
use super::session::Session;
use crate::output::Paint;

/// Between two rounds of `--forever`.
const PAUSE: Duration = Duration::from_secs(10);

pub(super) async fn run(session: &mut Session, forever: bool) -> Result<(), CommandFailure> {
    if forever {
        session.user()?;
        interrupt::end_quietly()?;
    }
    let client = session.client().await?;
    session.tell_endpoints(&client);
    let members = match within(session.global.total_timeout, client.members()).await {
        Ok(members) => members,
        Err(error) => {
            session
                .screen
                .line(&["cluster may be unhealthy: failed to list members"])?;
            return Err(CommandFailure::key(error));
        }
    };
    loop {
        let outcome = check(session, &client, &members).await;
        match outcome {
            // Everything has been said, and it may be well the next time.
            Ok(()) | Err(CommandFailure::Text { .. }) if forever => {}
            outcome => return outcome,
        }
        session.screen.text("\nnext check after 10 second...\n\n")?;
        session.screen.flush()?;
        tokio::time::sleep(PAUSE).await;
    }
}

/// One round; a cluster that is not well is a failure of which everything has been said.
async fn check(
    session: &mut Session,
    client: &Client,
    members: &[MemberInfo],
) -> Result<(), CommandFailure> {
    let mut healthy = 0;
    for member in members {
        if check_member(session, client, member).await? {
            healthy += 1;
        }
        session.screen.flush()?;
    }
    if members.is_empty() {
        session.screen.line(&["the list of members is empty"])?;
    }
    // Nobody is not everybody: a cluster without members serves nothing.
    let all = healthy == members.len() && healthy > 0;
    let (paint, verdict) = match healthy {
        0 => (Paint::Bad, "cluster is unavailable"),
        _ if all => (Paint::Good, "cluster is healthy"),
        _ => (Paint::Bad, "cluster is degraded"),
    };
    session.screen.painted(paint, verdict)?;
    session.screen.text("\n")?;
    session.screen.flush()?;
    if all {
        Ok(())
    } else {
        Err(CommandFailure::text(UNHEALTHY, ""))
    }
}

/// The first of the member's URLs that answers decides.
async fn check_member(
    session: &mut Session,
    client: &Client,
    member: &MemberInfo,
) -> Result<bool, CommandFailure> {
    let id = &member.id;
    if member.client_urls.is_empty() {
        let line = format!("member {id} is unreachable: no available published client urls");
        session.screen.line(&[&line])?;
        return Ok(false);
    }
    for url in &member.client_urls {
        let (healthy, word) = match ask(session, client, url).await {
            Ok(true) => (true, "healthy"),
            Ok(false) => (false, "unhealthy"),
            Err(reason) => {
                let line = format!(
                    "failed to check the health of member {id} on {url}: Get \"{url}/health\": {reason}"
                );
                session.screen.line(&[&line])?;
                // The next one may hang, and Ctrl-C loses what is not out yet.
                session.screen.flush()?;
                continue;
            }
        };
        let paint = if healthy { Paint::Good } else { Paint::Bad };
        session.screen.text(&format!("member {id} is "))?;
        session.screen.painted(paint, word)?;
        session
            .screen
            .line(&[&format!(": got {word} result from {url}")])?;
        return Ok(healthy);
    }
    let line = format!(
        "member {id} is unreachable: [{}] are all unreachable",
        member.client_urls.join(" ")
    );
    session.screen.line(&[&line])?;
    Ok(false)
}

/// A member that hangs costs the time of one try, not the whole command.
async fn ask(session: &Session, client: &Client, url: &str) -> Result<bool, String> {
    let endpoint = Endpoint::parse(url).map_err(|error| error.to_string())?;
    let call = async { Ok(client.health(&endpoint).await) };
    // The head of the answer has the time of a try, which the client minds; as much again is for the rest of it. Two equal
    // limits would make it chance which of them is told.
    let limit = session.global.timeout.map(|limit| limit.saturating_mul(2));
    match within(limit, call).await {
        Ok(outcome) => outcome.map_err(|error| match &error {
            HealthError::Attempt(Attempt {
                cause: Cause::TooLarge(_),
                ..
            }) => format!("{error}{TAKE_LARGER}"),
            _ => error.to_string(),
        }),
        Err(error) => Err(error.to_string()),
    }
}
