//! The options of commands that read: how fresh the answer must be.

use clap::Args;

/// How fresh an answer must be.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Read {
    /// Ask the cluster's majority for the newest state; --quorum=false asks for the server's default
    // Without the two number settings clap would take the word behind the option for its value.
    #[arg(
        long,
        short,
        alias = "consistent",
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub(crate) quorum: Option<bool>,
    /// Take the answer of the one server asked, which may lag behind the others, even when there is no leader
    #[arg(long)]
    pub(crate) local: bool,
}
