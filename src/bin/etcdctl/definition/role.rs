//! The commands about roles: which keys their holders may read and write.

use clap::{ArgMatches, Args, FromArgMatches, Subcommand};

/// What to do with roles and their permissions.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum RoleCommand {
    /// List the roles
    List,
    /// Create a role, which permits nothing yet
    Add {
        /// Name of the role
        #[arg(value_name = "role", required = true)]
        name: String,
    },
    /// Show what a role permits
    Get {
        /// Name of the role
        #[arg(value_name = "role", required = true)]
        name: String,
    },
    /// Delete a role
    Remove {
        /// Name of the role
        #[arg(value_name = "role", required = true)]
        name: String,
    },
    /// Permit a role to read or write keys
    ///
    /// The path is one key, or with a star at its end every key that begins so.
    Grant {
        /// Name of the role
        #[arg(value_name = "role", required = true)]
        name: String,
        #[command(flatten)]
        change: PermissionChange,
    },
    /// Take a permission from a role
    ///
    /// The path is written exactly as it was granted.
    Revoke {
        /// Name of the role
        #[arg(value_name = "role", required = true)]
        name: String,
        #[command(flatten)]
        change: PermissionChange,
    },
}

/// A permission to add or to take away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PermissionChange {
    /// Canonical: begins with `/`, without empty, `.` or `..` parts.
    pub(crate) path: String,
    pub(crate) read: bool,
    pub(crate) write: bool,
}

/// A permission as it is written, where reading and writing have an option of their own.
#[derive(Args)]
struct PermissionArgs {
    /// Key, or with a * at the end every key that begins so
    #[arg(long, value_name = "path", required = true)]
    path: String,
    /// Reading alone
    #[arg(long)]
    read: bool,
    /// Writing alone
    #[arg(long)]
    write: bool,
    /// Reading and writing
    #[arg(long, visible_alias = "rw")]
    readwrite: bool,
}

impl Args for PermissionChange {
    fn augment_args(command: clap::Command) -> clap::Command {
        PermissionArgs::augment_args(command)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        PermissionArgs::augment_args_for_update(command)
    }
}

impl FromArgMatches for PermissionChange {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let PermissionArgs {
            path,
            read,
            write,
            readwrite,
        } = PermissionArgs::from_arg_matches(matches)?;
        Ok(PermissionChange {
            path,
            read: read || readwrite,
            write: write || readwrite,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = PermissionChange::from_arg_matches(matches)?;
        Ok(())
    }
}
