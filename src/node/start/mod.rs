//! From a data directory to a running node: the directory is judged, and what the judgement allows is opened.
//!
//! | file | step |
//! |---|---|
//! | this one | the directory is taken and judged; the store is founded or opened |
//! | `prepared` | the store's worker is made, and what all parts of a node share |
//! | `catch_up` | the log is brought in order, and the store up to it |
//! | `launch` | consensus and the workers are made, and their threads started |
//! | `read_only` | instead of the last three, where the store is damaged: it serves what can be read |

mod catch_up;
mod error;
mod launch;
mod option;
mod phase;
mod prepared;
mod read_only;
mod started;

use wal::fs::OsFs;

use super::data_dir::DataDir;
use super::founding::{self, Founding};
use super::judgement::{Judgement, Question, StartPlan, judge};
use super::recovery::store::{self, OpenedStore};
use super::reserve::{self, Reserve};
use super::rights;
use super::store_pointer;

pub(crate) use error::StartError;
pub(crate) use option::{ConnectPeers, Founder, NewNode, NodeOptions};
use phase::Phases;
use prepared::Writable;
use read_only::ReadOnlyStore;
pub(crate) use started::StartedNode;

/// Judges the directory, opens everything, replays the log and starts the threads.
///
/// # Errors
/// Nothing was started. [`StartError::is_about_data`] tells damage from the rest.
pub(crate) fn start(options: NodeOptions) -> Result<StartedNode, StartError> {
    // Before the first call to the disk: that may be the one that hangs.
    let phases = Phases::begin(options.clock.clone(), "taking the data directory");
    let mut data_dir = DataDir::open(&options.data_dir)?;
    phases.enter("looking at the data directory".to_owned());
    if reserve::prepare(&options.space, data_dir.path())? == Reserve::GivenUp {
        tracing::error!(
            "the disk of {} is full: the reserve of {} MiB is given up for this start; free some space",
            data_dir.path().display(),
            reserve::BYTES >> 20
        );
    }
    let question = Question {
        directory: data_dir.path(),
        copied: data_dir.is_copy(),
        accept_log_loss: options.accept_log_loss,
    };
    let judgement = judge(&OsFs, &question)?;
    data_dir.claim()?;
    rights::narrow(data_dir.path());
    let opening = match judgement {
        Judgement::Found => Opening::Writable(found(&options, &data_dir)?),
        Judgement::Start(plan) => open(&options, &data_dir, plan, &phases)?,
    };
    match opening {
        Opening::Writable(writable) => launch::launch(&options, data_dir, writable, &phases),
        Opening::ReadOnly(store) => Ok(store.serve(&options, data_dir, &phases)),
    }
}

/// How a store was opened.
enum Opening {
    /// As usual.
    Writable(Writable),
    /// It serves reads and nothing else.
    ReadOnly(Box<ReadOnlyStore>),
}

/// Founds a node; who it is counts only this once.
fn found(options: &NodeOptions, data_dir: &DataDir) -> Result<Writable, StartError> {
    let founder = options.founder.as_ref();
    let founder = founder.map_err(|obstacle| StartError::Founding(obstacle.clone()))?;
    let founding = Founding {
        identity: founder.identity,
        conf_state: founder.conf_state.clone(),
        disk: founder.disk,
        storage: options.storage.clone(),
        wal: options.wal.clone(),
    };
    let founded = founding::found(&OsFs, data_dir.path(), &options.space, founding)?;
    Ok(Writable {
        opened: Box::new(founded.into()),
        resting: Vec::new(),
        met: Vec::new(),
    })
}

fn open(
    options: &NodeOptions,
    data_dir: &DataDir,
    plan: Box<StartPlan<OsFs>>,
    phases: &Phases,
) -> Result<Opening, StartError> {
    phases.enter("opening the store".to_owned());
    let complete = plan.complete;
    let store_path = plan.store_path.clone();
    let (opened, mode, met) = store::open_store(&OsFs, data_dir.path(), plan, &options.storage)?;
    let writable = |opened: OpenedStore<OsFs>, resting, met| {
        Opening::Writable(Writable {
            opened: Box::new(opened),
            resting,
            met,
        })
    };
    if mode != storage::Mode::ReadOnly {
        store_pointer::remove_others(&OsFs, data_dir.path(), &store_path);
    }
    Ok(match mode {
        storage::Mode::Normal => writable(opened, Vec::new(), met),
        storage::Mode::WithoutCompaction(resting) => writable(opened, resting, met),
        storage::Mode::ReadOnly => Opening::ReadOnly(Box::new(ReadOnlyStore {
            store: opened.store,
            marker: opened.marker,
            complete,
            met,
        })),
    })
}
