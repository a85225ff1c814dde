//! `user`: who may log in (etcdctl reference 11).

use etcd2::client::{Change, Client, Error};

use super::failure::Failure;
use super::password;
use super::session::Session;
use crate::definition::User;

pub(super) async fn run(session: &mut Session, command: User) -> Result<(), Failure> {
    let client = session.connect().await?;
    let said = match command {
        User::List => return list(session, &client).await,
        User::Get { name } => return get(session, &client, &name).await,
        User::Add { name, password } => add(session, &client, &name, password).await?,
        User::Passwd { name } => passwd(session, &client, &name).await?,
        User::Remove { name } => {
            session.call(client.remove_user(&name)).await?;
            format!("User {name} removed")
        }
        User::Grant { name, roles } => {
            let call = client.change_user(&name, Change::Grant, &roles);
            session.call(call).await?;
            format!("User {name} updated")
        }
        User::Revoke { name, roles } => {
            let call = client.change_user(&name, Change::Revoke, &roles);
            session.call(call).await?;
            format!("User {name} updated")
        }
    };
    session.screen.line(&[&said])?;
    Ok(())
}

async fn list(session: &mut Session, client: &Client) -> Result<(), Failure> {
    for name in session.call(client.users()).await? {
        session.screen.line(&[&name])?;
    }
    Ok(())
}

async fn get(session: &mut Session, client: &Client, name: &str) -> Result<(), Failure> {
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
) -> Result<String, Failure> {
    match session.call(client.user(name)).await {
        Ok(_) => return Err(Failure::text(1, format!("User {name} already exists"))),
        Err(Failure::Bare { error, .. }) if matches!(*error, Error::Refused { .. }) => {}
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
async fn passwd(session: &Session, client: &Client, name: &str) -> Result<String, Failure> {
    session.call(client.user(name)).await?;
    let password = password::ask("New password: ")?;
    session.call(client.put_user(name, &password)).await?;
    Ok("Password updated".to_owned())
}
