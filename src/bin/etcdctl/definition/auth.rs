//! The commands that switch authentication on and off.

use clap::Subcommand;

/// Whether the cluster asks who is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum AuthCommand {
    /// Ask for a user and password from now on
    ///
    /// A user called root must exist. Until root takes it away, the role guest lets everybody do what they could before.
    Enable,
    /// Let everybody do everything again
    Disable,
}
