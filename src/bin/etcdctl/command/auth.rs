//! `auth`: whether users and roles count (etcdctl reference 11).

use super::failure::CommandFailure;
use super::session::Session;
use crate::definition::AuthCommand;

pub(super) async fn run(session: &mut Session, command: AuthCommand) -> Result<(), CommandFailure> {
    let client = session.connect().await?;
    let (on, said) = match command {
        AuthCommand::Enable => (true, "Authentication Enabled"),
        AuthCommand::Disable => (false, "Authentication Disabled"),
    };
    session.call(client.set_auth(on)).await?;
    session.screen.line(&[said])?;
    Ok(())
}
