//! `role`: what users may do (etcdctl reference 11).

use etcd2::client::{Client, Error, Permission, RightsChange};

use super::failure::CommandFailure;
use super::session::Session;
use crate::definition::{PermissionChange, RoleCommand};

pub(super) async fn run(session: &mut Session, command: RoleCommand) -> Result<(), CommandFailure> {
    let client = session.connect().await?;
    let said = match command {
        RoleCommand::List => return list(session, &client).await,
        RoleCommand::Get { name } => return get(session, &client, &name).await,
        RoleCommand::Add { name } => add(session, &client, &name).await?,
        RoleCommand::Remove { name } => {
            session.call(client.remove_role(&name)).await?;
            format!("Role {name} removed")
        }
        RoleCommand::Grant { name, change } => {
            alter(session, &client, &name, RightsChange::Grant, change).await?
        }
        RoleCommand::Revoke { name, change } => {
            alter(session, &client, &name, RightsChange::Revoke, change).await?
        }
    };
    session.screen.line(&[&said])?;
    Ok(())
}

async fn list(session: &mut Session, client: &Client) -> Result<(), CommandFailure> {
    for name in session.call(client.roles()).await? {
        session.screen.line(&[&name])?;
    }
    Ok(())
}

async fn get(session: &mut Session, client: &Client, name: &str) -> Result<(), CommandFailure> {
    let role = session.call(client.role(name)).await?;
    session.screen.line(&["Role: ", &role.role])?;
    for (title, paths) in [
        ("KV Read:", role.permission.read),
        ("KV Write:", role.permission.write),
    ] {
        session.screen.line(&[title])?;
        for path in paths.unwrap_or_default() {
            session.screen.text("\t")?;
            session.screen.line(&[&path])?;
        }
    }
    Ok(())
}

async fn add(session: &Session, client: &Client, name: &str) -> Result<String, CommandFailure> {
    match session.call(client.role(name)).await {
        Ok(_) => {
            return Err(CommandFailure::text(
                1,
                format!("Role {name} already exists"),
            ));
        }
        Err(CommandFailure::Bare { error, .. }) if matches!(*error, Error::Refused { .. }) => {}
        Err(failure) => return Err(failure),
    }
    session.call(client.add_role(name)).await?;
    Ok(format!("Role {name} created"))
}

/// Asks for the role first, as the original does: a missing one is refused in the server's words.
async fn alter(
    session: &Session,
    client: &Client,
    name: &str,
    change: RightsChange,
    paths: PermissionChange,
) -> Result<String, CommandFailure> {
    session.call(client.role(name)).await?;
    let permission = Permission {
        read: paths.read.then(|| vec![paths.path.clone()]),
        write: paths.write.then(|| vec![paths.path.clone()]),
    };
    session
        .call(client.change_role(name, change, &permission))
        .await?;
    Ok(format!("Role {name} updated"))
}
