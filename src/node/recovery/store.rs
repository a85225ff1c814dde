//! The store of a node, opened as the judgement says, around damage that the judgement did not see.

use std::path::Path;

use wal::fs::Fs;

use super::error::{RecoveryError, io};
use super::origin::LogOrigin;
use crate::node::alone::membership;
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
    let path = plan.store_path.clone();
    let conf_state = membership(&plan.marker.conf_state, plan.identity);
    let conf_state = conf_state.ok_or_else(|| RecoveryError::MembersUnknown {
        store: path.clone(),
        identity: plan.identity,
    })?;
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
    let mut marker = Marker {
        conf_state,
        ..plan.marker.clone()
    };
    (marker.cluster, marker.member) = (plan.identity.cluster, plan.identity.member);
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
    let path = plan.store_path.clone();
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

#[cfg(test)]
mod tests {
    use raft::eraftpb::ConfState;
    use wal::fs::OsFs;

    use super::*;
    use crate::member_id::cluster_id;
    use crate::node::disk_space::DiskSpace;
    use crate::node::founding::{self, Founding};
    use crate::node::judgement::{Judgement, Question, StartRefusal, judge};

    /// A directory whose store does not say who the members are: those of a cluster of these.
    fn silent(members: &[u64]) -> tempfile::TempDir {
        founded(members).0
    }

    fn founded(members: &[u64]) -> (tempfile::TempDir, wal::Wal<OsFs>) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let founding = Founding {
            identity: wal::Identity {
                cluster: cluster_id(members),
                member: 7,
            },
            conf_state: ConfState::default(),
            disk: 1,
            storage: storage::StoreOptions::default(),
            wal: wal::Options::default(),
        };
        let founded = founding::found(&OsFs, directory.path(), &DiskSpace::system(), founding);
        (directory, founded.expect("founded").wal)
    }

    fn question(directory: &Path) -> Question<'_> {
        Question {
            directory,
            copied: false,
            accept_log_loss: None,
        }
    }

    fn judged(directory: &Path) -> Result<Box<StartPlan<OsFs>>, RecoveryError> {
        judge(&OsFs, &question(directory)).map(|judgement| match judgement {
            Judgement::Start(plan) => plan,
            Judgement::Found => panic!("a node is here"),
        })
    }

    fn opened(directory: &Path) -> Result<Marker, RecoveryError> {
        let options = storage::StoreOptions::default();
        open_store(&OsFs, directory, judged(directory)?, &options).map(|opened| opened.0.marker)
    }

    /// Were it alone for want of knowledge, it would confirm writes that the others never see.
    #[test]
    fn a_member_of_several_is_never_alone_by_default() {
        let directory = silent(&[7, 8, 9]);
        let Err(error) = opened(directory.path()) else {
            panic!("it takes itself for the only member")
        };
        assert!(error.is_about_data());
        let said = error.to_string();
        for part in [
            "does not say who the members of cluster",
            "member 7 was not founded alone",
            "Nothing was changed. Put back a copy",
        ] {
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn the_first_release_said_nothing_of_its_lone_members() {
        let directory = silent(&[7]);
        let marker = opened(directory.path()).expect("it opens");
        assert_eq!(marker.conf_state.voters, [7]);
    }

    /// A vote is a promise, and comes before any entry: a member that founds anew would give it a second time.
    #[test]
    fn a_vote_in_the_log_of_one_of_several_is_not_forgotten() {
        for (members, forgotten) in [(&[7][..], true), (&[7, 8, 9], false)] {
            let (directory, mut log) = founded(members);
            let vote = wal::HardState {
                term: 3,
                vote: 8,
                commit: 0,
            };
            log.append(&[], Some(&vote)).expect("appended");
            log.write().expect("written");
            log.sync().expect("synced");
            drop(log);
            std::fs::remove_file(directory.path().join("FORMAT")).expect("removed");
            let judgement = judge(&OsFs, &question(directory.path())).expect("judged");
            assert_eq!(matches!(judgement, Judgement::Found), forgotten);
        }
    }

    /// A lone node may go on without its log if the operator says so; a member of several may not.
    #[test]
    fn the_judgement_knows_the_same_rule() {
        for (members, alone) in [(&[7][..], true), (&[7, 8, 9], false)] {
            let directory = silent(members);
            std::fs::remove_dir_all(directory.path().join("wal")).expect("removed");
            let refusal = match judged(directory.path()) {
                Err(RecoveryError::Refused(refusal)) => refusal,
                _ => panic!("the log is lost"),
            };
            let asks = matches!(*refusal, StartRefusal::LogLoss { .. });
            let sends_away = matches!(*refusal, StartRefusal::Member { .. });
            assert_eq!((asks, sends_away), (alone, !alone), "{refusal}");
        }
    }
}
