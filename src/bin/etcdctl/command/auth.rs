//! `auth`: whether users and roles count (etcdctl reference 11).

use super::failure::Failure;
use super::session::Session;
use crate::definition::Auth;

pub(super) async fn run(session: &mut Session, command: Auth) -> Result<(), Failure> {
    let client = session.connect().await?;
    let (on, said) = match command {
        Auth::Enable => (true, "Authentication Enabled"),
        Auth::Disable => (false, "Authentication Disabled"),
    };
    session.call(client.set_auth(on)).await?;
    session.screen.line(&[said])?;
    Ok(())
}
