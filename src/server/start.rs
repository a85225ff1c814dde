//! From a configuration to a running node: the data directory is judged, and what the judgement allows is opened.

use std::sync::Arc;

use wal::fs::OsFs;

use crate::config::{Config, Exit};
use crate::identity;
use crate::node::data_dir::{DataDir, DataDirError};
use crate::node::founding::{self, Founding};
use crate::node::judgement::{Judgement, Plan, Question, judge};
use crate::node::recovery::RecoveryError;
use crate::node::reserve::{self, Reserve};
use crate::node::resume::{self, Opened};
use crate::node::rights;
use crate::node::runtime::Runtime;
use crate::node::status::Status;
use crate::service::Service;
use crate::watch::Hub;

use super::descriptors::Shares;
use super::ground::{log_options, storage_options};
use super::phase::Phases;
use super::spared::{Spared, damaged};
use super::threads::run;

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// Store or log.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// The settings cannot found a cluster, and the directory is empty.
    #[error("{0}")]
    Founding(Exit),
    /// Consensus refuses its state.
    #[error("consensus cannot start from this data: {0}")]
    Consensus(#[from] raft::Error),
    /// No threads.
    #[error("the operating system refuses: {0}")]
    System(#[from] std::io::Error),
}

impl StartError {
    /// Whether the data is at fault, not the settings or the machine.
    pub fn is_about_data(&self) -> bool {
        match self {
            Self::DataDir(error) => error.is_about_data(),
            Self::Recovery(error) => error.is_about_data(),
            Self::Consensus(_) => true,
            Self::Founding(_) | Self::System(_) => false,
        }
    }
}

/// A running node.
pub(super) struct Started {
    pub(super) service: Service,
    /// `None` where nothing is written any more.
    pub(super) runtime: Option<Runtime<OsFs>>,
    pub(super) hub: Arc<Hub>,
    pub(super) status: Arc<Status>,
    pub(super) data_dir: DataDir,
}

/// Judges the directory, opens everything, replays the log and starts the threads.
pub(super) fn node(config: &Config, shares: Shares) -> Result<Started, StartError> {
    // Before the first call to the disk: that may be the one that hangs.
    let phases = Phases::begin("taking the data directory");
    let mut data_dir = DataDir::open(&config.data_dir)?;
    phases.enter("looking at the data directory".to_owned());
    if reserve::prepare(data_dir.path())? == Reserve::GivenUp {
        tracing::error!(
            "the disk of {} is full: the reserve of {} MiB is given up for this start; free some space",
            data_dir.path().display(),
            reserve::BYTES >> 20
        );
    }
    let question = Question {
        directory: data_dir.path(),
        copied: data_dir.is_copy(),
        accept_log_loss: config.accept_log_loss,
    };
    let judgement = judge(&OsFs, &question)?;
    data_dir.claim()?;
    rights::narrow(data_dir.path());
    let way = match judgement {
        Judgement::Found => Way::Run(
            Box::new(found(config, shares, &data_dir)?),
            Vec::new(),
            Vec::new(),
        ),
        Judgement::Start(plan) => open(config, shares, &data_dir, plan, &phases)?,
    };
    match way {
        Way::Run(opened, resting, met) => {
            let log = log_options(shares);
            run(config, data_dir, *opened, log, resting, &met, &phases)
        }
        Way::Read(spared) => Ok(damaged(config, data_dir, spared, phases.begun())),
    }
}

/// How a node goes on.
enum Way {
    /// As usual; history in these families, damaged in these places, is at rest.
    Run(Box<Opened<OsFs>>, Vec<&'static str>, Vec<storage::Damage>),
    /// It serves reads and nothing else.
    Read(Spared),
}

/// Founds a node on its own; the settings decide its identity only this once.
fn found(config: &Config, shares: Shares, data_dir: &DataDir) -> Result<Opened<OsFs>, StartError> {
    if let Some(obstacle) = &config.founding_obstacle {
        return Err(StartError::Founding(obstacle.clone()));
    }
    let member = identity::member_id(&config.advertise_peer, &config.initial_cluster_token);
    let founding = Founding {
        identity: wal::Identity {
            cluster: identity::cluster_id(&[member]),
            member,
        },
        conf_state: resume::sole_voter(member),
        storage: storage_options(config, shares),
        wal: log_options(shares),
    };
    let founded = founding::found(&OsFs, data_dir.path(), founding)?;
    Ok(founded.into())
}

fn open(
    config: &Config,
    shares: Shares,
    data_dir: &DataDir,
    plan: Box<Plan<OsFs>>,
    phases: &Phases,
) -> Result<Way, StartError> {
    phases.enter("opening the store".to_owned());
    let complete = plan.complete;
    let options = storage_options(config, shares);
    let (opened, mode, met) = resume::open_store(&OsFs, data_dir.path(), plan, &options)?;
    Ok(match mode {
        storage::Mode::Normal => Way::Run(Box::new(opened), Vec::new(), met),
        storage::Mode::WithoutCompaction(resting) => Way::Run(Box::new(opened), resting, met),
        storage::Mode::ReadOnly => Way::Read(Spared {
            store: opened.store,
            marker: opened.marker,
            complete,
            met,
        }),
    })
}
