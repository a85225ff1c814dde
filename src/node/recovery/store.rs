//! The store of a node, opened as the judgement says, around damage that the judgement did not see.

use std::path::Path;

use wal::fs::Fs;

use super::error::{RecoveryError, io};
use super::origin::LogOrigin;
use crate::node::alone::sole_voter;
use crate::node::founding::Founded;
use crate::node::judgement::StartPlan;
use crate::node::marker::Marker;
use crate::node::missing_file;

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
