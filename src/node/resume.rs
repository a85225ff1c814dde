//! The log of a node that was here before: opened, salvaged or replaced as the judgement says, and the small files
//! beside it brought up to date.

use std::path::Path;
use std::sync::PoisonError;

use raft::eraftpb::ConfState;
use wal::fs::Fs;

use super::apply_worker::ApplyWorker;
use super::founding::Founded;
use super::identity_file;
use super::judgement::{PlannedLog, StartPlan};
use super::log_worker::SharedWitness;
use super::marker::Marker;
use super::missing_file;
use super::recovery::{LostLog, OpenLog, RecoveryError, RecoveryReport, io, log_source};
use super::witness_file::{self, WitnessFile};

/// A node's data before its log is open.
pub struct OpenedStore<F: Fs> {
    /// The store.
    pub store: storage::Store,
    /// Its writing half.
    pub writer: storage::Writer,
    /// What it says beside the applied index, completed.
    pub marker: Marker,
    /// Where the log comes from.
    pub source: LogOrigin<F>,
}

/// Where the log comes from.
pub enum LogOrigin<F: Fs> {
    /// The founding just made it.
    Founded(Box<wal::Wal<F>>, WitnessFile<F>),
    /// It was here.
    Judged(Box<StartPlan<F>>),
}

impl<F: Fs> From<Founded<F>> for OpenedStore<F> {
    fn from(founded: Founded<F>) -> Self {
        Self {
            store: founded.store,
            writer: founded.writer,
            marker: founded.marker,
            source: LogOrigin::Founded(Box::new(founded.wal), founded.witness_file),
        }
    }
}

/// Opens the store of a judged directory, around damage that the judgement, which reads no rows, did not see: history
/// that is damaged rests, and a store that is damaged elsewhere is only read. Gives the mode, and what was met.
///
/// # Errors
/// Damage that not even reading gets around; failures of the machine.
pub fn open_store<F: Fs>(
    fs: &F,
    data_dir: &Path,
    mut plan: Box<StartPlan<F>>,
    options: &storage::StoreOptions,
) -> Result<(OpenedStore<F>, storage::Mode, Vec<storage::Damage>), RecoveryError> {
    let path = data_dir.join("store");
    let mut mode = plan.mode();
    prepare(fs, data_dir, &mut plan, &mode)?;
    let faults = plan.inventory.faults.iter();
    let mut met: Vec<storage::Damage> = faults.map(storage::judge::Fault::damage).collect();
    let (store, writer) = loop {
        match storage::open_judged(&path, options.clone(), &mode, &plan.inventory) {
            Ok(opened) => break opened,
            Err(error) => match error.damage().and_then(|damage| {
                let wider = widen(&mode, &damage)?;
                met.push(damage);
                Some(wider)
            }) {
                Some(wider) => mode = wider,
                None => return Err(error.into()),
            },
        }
    };
    let mut marker = plan.marker.clone();
    (marker.cluster, marker.member) = (plan.identity.cluster, plan.identity.member);
    if marker.conf_state.voters.is_empty() {
        // The first release founded nothing but sole voters, and wrote them down only with the first flush.
        marker.conf_state = sole_voter(plan.identity.member);
    }
    let opened = OpenedStore {
        store,
        writer,
        marker,
        source: LogOrigin::Judged(plan),
    };
    Ok((opened, mode, met))
}

/// Tells what was found beside what is served, and brings the directory to where RocksDB may write to the store.
fn prepare<F: Fs>(
    fs: &F,
    data_dir: &Path,
    plan: &mut StartPlan<F>,
    mode: &storage::Mode,
) -> Result<(), RecoveryError> {
    let path = data_dir.join("store");
    if let Some(torn) = plan.inventory.torn {
        tracing::warn!(
            "{} bytes at the end of {} are unreadable, as a kill leaves them, and are dropped: the store goes back to \
             entry {}, and the log has the rest",
            torn.bytes,
            path.join(&plan.inventory.manifest).display(),
            plan.applied.index
        );
    }
    if let [first, others @ ..] = &plan.inventory.strays[..] {
        tracing::warn!(
            "{} holds {first:?}{}, no file of a store: it is left alone, and nothing here needs it",
            path.display(),
            match others.len() {
                0 => String::new(),
                more => format!(" and {more} more {others:?}"),
            }
        );
    }
    if *mode != storage::Mode::ReadOnly {
        missing_file::keep(fs, data_dir, &plan.missing, &plan.inventory)
            .map_err(io("cannot write", missing_file::path(data_dir)))?;
        storage::cut_torn_manifest(&path, &plan.inventory)?;
        // It is no more; and RocksDB may now begin a new manifest, whatever else stops the opening.
        plan.inventory.torn = None;
    }
    Ok(())
}

/// The mode that opens around this damage too, if there is one.
fn widen(mode: &storage::Mode, damage: &storage::Damage) -> Option<storage::Mode> {
    let resting = match mode {
        storage::Mode::ReadOnly => return None,
        storage::Mode::Normal => Vec::new(),
        storage::Mode::WithoutCompaction(families) => families.clone(),
    };
    if !damage.is_history() || resting.contains(&damage.column) {
        return Some(storage::Mode::ReadOnly);
    }
    let families = resting.into_iter().chain([damage.column]);
    Some(storage::Mode::WithoutCompaction(families.collect()))
}

/// The membership of a member that is alone.
pub fn sole_voter(member: u64) -> ConfState {
    ConfState {
        voters: vec![member],
        ..ConfState::default()
    }
}

/// An open log, with its witness file.
pub struct Resumed<F: Fs> {
    /// The log.
    pub log: OpenLog<F>,
    /// To be kept fresh.
    pub witness_file: WitnessFile<F>,
}

/// The newest position of the log that anybody testifies to, before it is open.
pub fn newest_witness<F: Fs>(source: &LogOrigin<F>, marker: &Marker) -> wal::Witness {
    match source {
        LogOrigin::Founded(wal, _) => wal.witness(),
        LogOrigin::Judged(plan) => {
            let stored = marker.witness.as_deref().map(wal::Witness::decode);
            let stored = stored.and_then(Result::ok);
            let file = plan.witness_file.testimony().map(|said| said.witness);
            let known = stored.into_iter().chain(file);
            known
                .max_by_key(|witness| witness.place)
                .unwrap_or(wal::Witness {
                    place: wal::Place::default(),
                    index: 0,
                    chain: 0,
                })
        }
    }
}

impl ApplyWorker {
    /// Families of history that the store was opened with at rest: to be said before the log is brought in order, which
    /// may apply entries.
    pub fn rests(&mut self, families: Vec<&'static str>) {
        self.resting = families;
    }
}

/// Brings the log in order; nothing may be appended before this returned. The worker's log is set on the way, and what
/// it let rest by then stays at rest.
pub fn log<F: Fs>(
    fs: &F,
    data_dir: &Path,
    source: LogOrigin<F>,
    options: wal::Options,
    store: &storage::Store,
    worker: &mut ApplyWorker,
    witness: &SharedWitness,
) -> Result<Resumed<F>, RecoveryError> {
    let resumed = bring_in_order(fs, data_dir, source, options, store, worker, witness)?;
    let resting = worker.resting.clone();
    worker.set_log(log_source(resumed.log.wal.reader()), resting);
    Ok(resumed)
}

fn bring_in_order<F: Fs>(
    fs: &F,
    data_dir: &Path,
    source: LogOrigin<F>,
    options: wal::Options,
    store: &storage::Store,
    worker: &mut ApplyWorker,
    witness: &SharedWitness,
) -> Result<Resumed<F>, RecoveryError> {
    let plan = match source {
        LogOrigin::Founded(wal, witness_file) => {
            let log = OpenLog::new(*wal, 0, worker.marker(), RecoveryReport::default());
            return Ok(Resumed { log, witness_file });
        }
        LogOrigin::Judged(plan) => *plan,
    };
    let StartPlan {
        identity,
        identity_file,
        witness_file,
        applied,
        log,
        ..
    } = plan;
    let lost = LostLog {
        fs: fs.clone(),
        directory: &data_dir.join("wal"),
        identity,
        witness: witness_file.testimony().map(|said| said.witness),
        options,
    };
    let log = match log {
        PlannedLog::Open(judged) => {
            OpenLog::open(*judged, lost.options, applied.index, worker.marker())?
        }
        PlannedLog::Replace(loss) => {
            let marker = worker.marker().clone();
            lost.replace(
                applied.index,
                &marker,
                wal::HardState::default(),
                &loss.why(),
            )?
        }
        PlannedLog::Salvage(loss, prefix) => {
            lost.salvage(&loss, &prefix, applied.index, worker, store)?
        }
        PlannedLog::Leave => unreachable!("a store that is only read resumes no log"),
    };
    *witness.lock().unwrap_or_else(PoisonError::into_inner) = log.wal.witness();
    if log.report.restarted {
        worker.refresh_marker()?;
        store.flush()?;
    }
    let first = identity_file == identity_file::FoundIdentity::First;
    let witness_file = bring_up(fs, data_dir, &witness_file, first, &log)?;
    name(fs, data_dir, identity, &identity_file)?;
    Ok(Resumed { log, witness_file })
}

/// A mark of a clean stop is removed, and a file that is damaged or missing made anew; otherwise nothing is written.
fn bring_up<F: Fs>(
    fs: &F,
    directory: &Path,
    found: &witness_file::FoundWitness,
    first_release: bool,
    log: &OpenLog<F>,
) -> Result<WitnessFile<F>, RecoveryError> {
    let failed = io("cannot write", witness_file::path(directory));
    if !log.report.restarted
        && let Some(file) = WitnessFile::resume(fs, directory, found)
            .map_err(io("cannot open", witness_file::path(directory)))?
    {
        return Ok(file);
    }
    if !first_release && !found.is_whole() {
        tracing::error!(
            "{} is {}: it is written anew from the log",
            witness_file::path(directory).display(),
            found.fault()
        );
    }
    let identity = log.wal.identity();
    WitnessFile::begin(fs, directory, found, identity, log.wal.witness()).map_err(failed)
}

/// Writes an identity file where there is no whole one.
fn name<F: Fs>(
    fs: &F,
    directory: &Path,
    identity: wal::Identity,
    found: &identity_file::FoundIdentity,
) -> Result<(), RecoveryError> {
    let path = identity_file::path(directory);
    match found {
        identity_file::FoundIdentity::Known(_) => return Ok(()),
        identity_file::FoundIdentity::First => {
            tracing::info!("{} is brought to format 2", path.display());
        }
        identity_file::FoundIdentity::Missing
        | identity_file::FoundIdentity::Damaged(_)
        | identity_file::FoundIdentity::Newer(_) => {
            let reason = match found {
                identity_file::FoundIdentity::Damaged(reason) => reason,
                _ => "it is missing",
            };
            tracing::error!(
                "{} is damaged ({reason}): log and store agree on member {:x} of cluster {:x}, so it is written anew",
                path.display(),
                identity.member,
                identity.cluster
            );
        }
    }
    identity_file::write(fs, directory, identity).map_err(io("cannot write", path))
}
