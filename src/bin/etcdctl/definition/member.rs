//! The commands about the members of the cluster.

use clap::Subcommand;

/// What to do with the list of members.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum MemberCommand {
    /// List the members with their names, addresses and the leader
    List,
    /// Announce a new member to the cluster
    ///
    /// The cluster counts the new member from now on, also before it is started. What is printed are the settings to
    /// start it with; the name is used for nothing else.
    Add {
        /// Name that the new member will be started with
        #[arg(value_name = "name", required = true)]
        name: String,
        /// Address at which the other members will reach it
        #[arg(value_name = "peerURL", required = true)]
        peer_url: String,
    },
    /// Take a member out of the cluster
    ///
    /// The member is named by its ID, as member list prints it; a name would be ambiguous.
    Remove {
        /// ID of the member
        #[arg(value_name = "memberID", required = true)]
        id: String,
    },
    /// Change the addresses at which the other members reach a member
    Update {
        /// ID of the member
        #[arg(value_name = "memberID", required = true)]
        id: String,
        /// Its new addresses, separated by commas
        #[arg(
            value_name = "peerURLs",
            value_delimiter = ',',
            num_args = 1,
            required = true
        )]
        peer_urls: Vec<String>,
    },
    /// Put a new member in the place of another one
    ///
    /// Adds the new one, prints what to start it with, waits until it has its vote, and removes the other one. It can be interrupted
    /// and run again with the same words: it goes on, or names the one step that is left. A member that is dead is replaced while a majority of all runs.
    Replace {
        /// ID of the member that goes
        #[arg(value_name = "memberID", required = true)]
        id: String,
        /// Address at which the other members will reach the new one
        #[arg(value_name = "peerURL", required = true)]
        peer_url: String,
        /// Name that the new member will be started with
        #[arg(value_name = "name")]
        name: Option<String>,
    },
}
