//! `user`: who may log in (etcdctl reference 11).

use etcd2::client::{Client, Error, RightsChange};

use super::failure::CommandFailure;
use super::password;
use super::session::Session;
use crate::definition::UserCommand;

pub(super) async fn run(session: &mut Session, command: UserCommand) -> Result<(), CommandFailure> {
    let client = session.connect().await?;
    let said = match command {
        UserCommand::List => return list(session, &client).await,
        UserCommand::Get { name } => return get(session, &client, &name).await,
        UserCommand::Add { name, password } => add(session, &client, &name, password).await?,
        UserCommand::Passwd { name } => passwd(session, &client, &name).await?,
        UserCommand::Remove { name } => {
            session.call(client.remove_user(&name)).await?;
            format!("User {name} removed")
        }
        UserCommand::Grant { name, roles } => {
            let call = client.change_user(&name, RightsChange::Grant, &roles);
            session.call(call).await?;
            format!("User {name} updated")
        }
        UserCommand::Revoke { name, roles } => {
            let call = client.change_user(&name, RightsChange::Revoke, &roles);
            session.call(call).await?;
            format!("User {name} updated")
        }
    };
    session.screen.line(&[&said])?;
    Ok(())
}

async fn list(session: &mut Session, client: &Client) -> Result<(), CommandFailure> {
    for name in session.call(client.users()).await? {
        session.screen.line(&[&name])?;
    }
    Ok(())
}

async fn get(session: &mut Session, client: &Client, name: &str) -> Result<(), CommandFailure> {
    let user = session.call(client.user(name)).await?;
    session.screen.line(&["User: ", &user.user])?;
    session.screen.line(&["Roles: ", &user.roles.join(" ")])?;
    Ok(())
}

/// Asks first whether the user is there: the API would give an existing one another password.
async fn add(
    session: &Session,
    client: &Client,
    name: &str,
    password: Option<String>,
) -> Result<String, CommandFailure> {
    match session.call(client.user(name)).await {
        Ok(_) => {
            return Err(CommandFailure::text(
                1,
                format!("User {name} already exists"),
            ));
        }
        Err(CommandFailure::Bare { error, .. }) if matches!(*error, Error::Refused { .. }) => {}
        Err(failure) => return Err(failure),
    }
    let password = match password {
        Some(password) => password,
        None => password::ask("New password: ")?,
    };
    session.call(client.put_user(name, &password)).await?;
    Ok(format!("User {name} created"))
}

/// Asks first whether the user is there: the API would create it.
async fn passwd(session: &Session, client: &Client, name: &str) -> Result<String, CommandFailure> {
    session.call(client.user(name)).await?;
    let password = password::ask("New password: ")?;
    session.call(client.put_user(name, &password)).await?;
    Ok("Password updated".to_owned())
}
