//! What a server is to be, decided before anything is made on disk: a formation that fails leaves nothing.

use crate::config::{Config, Exit};
use crate::members::Member;
use crate::node::start::Founder;

use super::founder::{founder, initial_members};
use super::join::find_cluster;

/// What a start goes by where the directory does not say it.
pub(crate) struct Formation {
    /// Who founds if the directory is empty, or why nobody may.
    pub(crate) founder: Result<Founder, Exit>,
    /// The members as far as they are known. None where a member comes back that was added: its store says it, or the cluster is asked
    /// once more.
    pub(crate) members: Vec<Member>,
}

/// See the module. A directory with data needs no decision, and a new member asks the cluster that it was added to.
///
/// # Errors
/// It can be nothing, as the options are.
pub(crate) async fn decide(config: &Config) -> Result<Formation, Exit> {
    if !config.existing {
        let founder = founder(config);
        if !config.has_data {
            return Ok(Formation {
                founder: Ok(founder?),
                members: initial_members(config),
            });
        }
        return Ok(Formation {
            founder,
            members: initial_members(config),
        });
    }
    let refused = |text: String| Exit {
        code: 1,
        stdout: String::new(),
        stderr: format!("{text}\n"),
    };
    if config.has_data {
        return Ok(Formation {
            founder: Err(refused(
                "the data directory was there when the options were read, and is empty now: start again".to_owned(),
            )),
            members: Vec::new(),
        });
    }
    let found = async { find_cluster(config).await?.is_new() };
    let joined = found.await.map_err(|error| refused(error.to_string()))?;
    let founder = joined
        .founder()
        .map_err(|error| refused(error.to_string()))?;
    Ok(Formation {
        founder: Ok(founder),
        members: joined.members,
    })
}
