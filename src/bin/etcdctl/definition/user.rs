//! The commands about users.

use clap::Subcommand;

/// What to do with users and the roles they have.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum UserCommand {
    /// List the users
    List,
    /// Create a user
    ///
    /// Without a password in the argument it is asked for, or read as one line from stdin when that is no terminal. The
    /// prompt is the safer way: arguments can be seen by everybody on the machine.
    Add {
        /// Name of the user, and the password if it may be seen
        #[arg(value_name = "user[:password]", required = true)]
        name: String,
        /// What stood behind the colon of the name.
        #[arg(skip)]
        password: Option<String>,
    },
    /// Show the roles of a user
    Get {
        /// Name of the user
        #[arg(value_name = "user", required = true)]
        name: String,
    },
    /// Delete a user
    Remove {
        /// Name of the user
        #[arg(value_name = "user", required = true)]
        name: String,
    },
    /// Give a user a new password
    ///
    /// The password is asked for, or read as one line from stdin when that is no terminal.
    Passwd {
        /// Name of the user
        #[arg(value_name = "user", required = true)]
        name: String,
    },
    /// Give roles to a user
    Grant {
        /// Name of the user
        #[arg(value_name = "user", required = true)]
        name: String,
        /// Roles to give, separated by commas; may be repeated
        #[arg(long, value_name = "roles", value_delimiter = ',', required = true)]
        roles: Vec<String>,
    },
    /// Take roles from a user
    Revoke {
        /// Name of the user
        #[arg(value_name = "user", required = true)]
        name: String,
        /// Roles to take away, separated by commas; may be repeated
        #[arg(long, value_name = "roles", value_delimiter = ',', required = true)]
        roles: Vec<String>,
    },
}

impl UserCommand {
    /// Takes apart what is written as one word: `name:password`, and lists with nothing between two commas.
    pub(super) fn settled(self) -> UserCommand {
        match self {
            UserCommand::Add { name, .. } => match name.split_once(':') {
                Some((name, password)) => UserCommand::Add {
                    name: name.to_owned(),
                    password: Some(password.to_owned()),
                },
                None => UserCommand::Add {
                    name,
                    password: None,
                },
            },
            UserCommand::Grant { name, roles } => UserCommand::Grant {
                name,
                roles: named(roles),
            },
            UserCommand::Revoke { name, roles } => UserCommand::Revoke {
                name,
                roles: named(roles),
            },
            other => other,
        }
    }
}

fn named(roles: Vec<String>) -> Vec<String> {
    roles.into_iter().filter(|role| !role.is_empty()).collect()
}
