//! What a server is to be, decided before anything is made on disk: a formation that fails leaves nothing.

use crate::config::{Config, Exit};
use crate::members::Member;
use crate::node::start::Founder;

use super::founder::{founder, initial_members};
use super::join::{find_cluster, runs_already};

/// What a start goes by where the directory does not say it.
pub(crate) struct Formation {
    /// Who founds if the directory is empty, or why nobody may.
    pub(crate) founder: Result<Founder, Exit>,
    /// The members as far as they are known before the store is open.
    pub(crate) members: Vec<Member>,
}

/// See the module. A directory with data needs no decision, and a new member asks the cluster that it was added to.
///
/// # Errors
/// It can be nothing, as the options are.
pub(crate) async fn decide(config: &Config) -> Result<Formation, Exit> {
    match (config.existing, config.has_data) {
        // What it was made the directory knows.
        (_, true) => Ok(Formation {
            founder: founder(config),
            members: initial_members(config),
        }),
        (false, false) => {
            let founder = founder(config)?;
            let looked = runs_already(config, founder.identity.cluster).await;
            looked.map_err(|error| refused(&error))?;
            Ok(Formation {
                founder: Ok(founder),
                members: initial_members(config),
            })
        }
        (true, false) => {
            let found = async { find_cluster(config).await?.if_new() };
            let joined = found.await.map_err(|error| refused(&error))?;
            let founder = joined.founder().map_err(|error| refused(&error))?;
            Ok(Formation {
                founder: Ok(founder),
                members: joined.members,
            })
        }
    }
}

fn refused(why: &dyn std::fmt::Display) -> Exit {
    Exit {
        code: 1,
        stdout: String::new(),
        stderr: format!("{why}\n"),
    }
}
