//! Founding a node on disk, in an order that tells an unfinished founding from a node that lost something.
//!
//! | step | process or power fails before it | after it |
//! |---|---|---|
//! | 1 store made, with identity and membership, flushed | nothing, or RocksDB's unfinished files | a store without an entry |
//! | 2 log made and synced | as after 1 | and a log without an entry |
//! | 3 witness file made and synced | as after 2 | and a witness of that log |
//! | 4 identity file, by rename, synced | founding is repeated: no entry exists, and nobody was answered | the node exists: from here on a missing part is damage |
//!
//! Nothing is acknowledged, and no vote is given, before step 4 has returned. What an unfinished founding left behind is
//! taken over; it holds nothing.

use std::path::Path;

use raft::eraftpb::ConfState;
use wal::fs::Fs;

use super::disk_space::DiskSpace;
use super::marker::Marker;
#[cfg(test)]
use super::planted::{PlantedMistake, is_planted};
use super::recovery::error::{RecoveryError, io};
use super::witness_file::{self, WitnessFile};
use super::{identity_file, reserve, store_pointer};

/// A node that now exists.
pub struct Founded<F: Fs> {
    /// Its store, empty.
    pub store: storage::Store,
    /// The store's writing half.
    pub writer: storage::Writer,
    /// Its log, empty.
    pub wal: wal::Wal<F>,
    /// What the store says beside the applied index.
    pub marker: Marker,
    /// To be kept fresh.
    pub witness_file: WitnessFile<F>,
}

/// Who is founded, and with which settings.
pub(super) struct Founding {
    /// Its ids.
    pub identity: wal::Identity,
    /// All members at the founding.
    pub conf_state: ConfState,
    /// Drawn at random, for this directory alone.
    pub disk: u64,
    /// For the store.
    pub storage: storage::StoreOptions,
    /// For the log.
    pub wal: wal::Options,
}

/// Founds in `data_dir`, which the caller has locked and judged to hold no node.
///
/// # Errors
/// Whatever step failed: founding may be repeated.
pub(super) fn found<F: Fs>(
    fs: &F,
    data_dir: &Path,
    space: &DiskSpace,
    founding: Founding,
) -> Result<Founded<F>, RecoveryError> {
    let Founding {
        identity,
        conf_state,
        disk,
        storage,
        wal,
    } = founding;
    // That of an earlier try: a reserve beside a store without a log shows that a node ran here.
    reserve::drop(data_dir).map_err(io("cannot remove", reserve::path(data_dir)))?;
    let (store, mut writer) = storage::open(&store_pointer::directory(fs, data_dir), storage)?;
    let marker = Marker {
        conf_state,
        cluster: identity.cluster,
        member: identity.member,
        disk,
        ..Marker::default()
    };
    let mut batch = writer.batch();
    batch.set_marker(&first(&marker));
    batch.commit()?;
    store.flush()?;
    let wal = new_log(fs, &data_dir.join("wal"), identity, wal)?;
    let left = witness_file::read(fs, data_dir)
        .map_err(io("cannot read", witness_file::path(data_dir)))?;
    let witness_file = WitnessFile::begin(fs, data_dir, &left, identity, wal.witness())
        .map_err(io("cannot write", witness_file::path(data_dir)))?;
    if !reserve::restore(space, data_dir) {
        tracing::warn!(
            "no room is kept in {}: after a kill on a full disk this node starts only when {} MiB are free",
            data_dir.display(),
            reserve::BYTES >> 20
        );
    }
    identity_file::write(fs, data_dir, identity)
        .map_err(io("cannot write", identity_file::path(data_dir)))?;
    Ok(Founded {
        store,
        writer,
        wal,
        marker,
        witness_file,
    })
}

/// What is flushed before there is an entry.
fn first(marker: &Marker) -> Vec<u8> {
    #[cfg(test)]
    if is_planted(PlantedMistake::AloneByDefault) {
        let conf_state = ConfState::default();
        return Marker {
            conf_state,
            ..marker.clone()
        }
        .encode();
    }
    marker.encode()
}

/// An unfinished founding may have left a log without an entry, perhaps of other settings.
fn new_log<F: Fs>(
    fs: &F,
    directory: &Path,
    identity: wal::Identity,
    options: wal::Options,
) -> Result<wal::Wal<F>, RecoveryError> {
    let base = wal::Position::default();
    match wal::Wal::create(fs.clone(), directory, identity, base, options.clone()) {
        Err(wal::Error::AlreadyExists { .. }) => {}
        made => return Ok(made?),
    }
    let state = wal::HardState::default();
    let made = wal::Wal::replace(fs.clone(), directory, identity, base, state, None, options)?;
    Ok(made)
}
