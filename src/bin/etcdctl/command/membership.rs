//! What several commands about members do (etcdctl reference 10.2, 10.3).

use etcd2::client::Client;

use super::failure::CommandFailure;
use super::session::Session;

/// Prints what a member that was added is started with.
pub(super) async fn say_settings(
    session: &mut Session,
    client: &Client,
    name: &str,
    id: &str,
) -> Result<(), CommandFailure> {
    let members = session.call(client.members()).await?;
    let cluster: Vec<String> = members
        .iter()
        .flat_map(|member| {
            let name = match member {
                member if member.id == id => name,
                // One that was added and has not started: its ID tells it apart, in a list of the form that servers take.
                member if member.name.is_empty() => &member.id,
                member => &member.name,
            };
            member
                .peer_urls
                .iter()
                .map(move |url| format!("{name}={url}"))
        })
        .collect();
    let screen = &mut session.screen;
    screen.line(&["ETCD_NAME=\"", name, "\""])?;
    screen.line(&["ETCD_INITIAL_CLUSTER=\"", &cluster.join(","), "\""])?;
    screen.line(&["ETCD_INITIAL_CLUSTER_STATE=\"existing\""])?;
    Ok(())
}

pub(super) async fn remove(
    session: &mut Session,
    client: &Client,
    id: &str,
) -> Result<(), CommandFailure> {
    let members = session
        .call(client.members())
        .await
        .map_err(|failure| failure.because("Error while verifying ID against known members: "))?;
    if !members.iter().any(|member| member.id == id) {
        let mut text = String::new();
        if let Some(named) = members.iter().find(|member| member.name == id) {
            text = format!(
                "Found a member named {id}; if this is correct, please use its ID, eg:\n\tetcdctl member remove {}\nFor more details, see: etcdctl help member remove\n\n",
                named.id
            );
        }
        text.push_str(&format!(
            "Couldn't find a member in the cluster with an ID of {id}."
        ));
        return Err(CommandFailure::text(1, text));
    }
    session
        .call(client.remove_member(id))
        .await
        .map_err(|failure| {
            failure.because(&format!("Received an error trying to remove member {id}: "))
        })?;
    session
        .screen
        .line(&[&format!("Removed member {id} from cluster")])?;
    Ok(())
}
