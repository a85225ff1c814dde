//! `--username`: a name with its password, or a name and a question.

use etcd2::client::Credentials;

use super::failure::CommandFailure;
use super::password;

/// The user that every request names.
///
/// # Errors
/// When the password cannot be read.
pub(super) fn credentials(username: Option<&str>) -> Result<Option<Credentials>, CommandFailure> {
    let Some(username) = username.filter(|username| !username.is_empty()) else {
        return Ok(None);
    };
    let (user, password) = match username.split_once(':') {
        Some((user, password)) => (user, password.to_owned()),
        None => (username, password::ask("Password: ")?),
    };
    Ok(Some(Credentials {
        user: user.to_owned(),
        password,
    }))
}
