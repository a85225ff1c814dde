//! What a start sees of the log without changing it.

use std::path::PathBuf;

use wal::fs::Fs;

use crate::node::marker::Marker;
use crate::node::recovery::error::RecoveryError;
use crate::node::witness_file;

/// The log, as it lies there.
pub(super) struct LogFacts<F: Fs> {
    pub(super) path: PathBuf,
    pub(super) judged: LogFinding<F>,
}

/// What its own checks and its witnesses say.
pub(super) enum LogFinding<F: Fs> {
    Absent,
    Readable(Box<wal::JudgedLog<F>>),
    /// Not what a witness saw; and whose it is, if it can be read.
    Contradicted(Box<wal::LogDamage>, Option<wal::Identity>),
    /// By its own testimony, with what lies before the damage, if that can be read and is the store's own.
    Damaged(Box<wal::LogDamage>, Option<Box<wal::Prefix<F>>>),
}

impl<F: Fs> LogFacts<F> {
    /// Read and checked against both witnesses.
    pub(super) fn gather(
        fs: &F,
        path: PathBuf,
        file: &witness_file::FoundWitness,
        marker: &Marker,
    ) -> Result<Self, RecoveryError> {
        let witnesses = witnesses(file, marker)?;
        let judged = match wal::judge(fs.clone(), &path, None, &witnesses) {
            Ok(judged) => LogFinding::Readable(Box::new(judged)),
            Err(wal::Error::NoLog { .. }) => LogFinding::Absent,
            Err(wal::Error::Damaged(damage)) if damage.proof == wal::Proof::Witness => {
                // For its owner's name alone: no entry of it is used.
                let read = wal::inspect(fs, &path, None, []).ok();
                LogFinding::Contradicted(damage, read.map(|read| read.identity))
            }
            Err(wal::Error::Damaged(damage)) => {
                let prefix = wal::prefix(fs, &path, None, &witnesses).ok();
                LogFinding::Damaged(damage, prefix.map(Box::new))
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self { path, judged })
    }

    /// The last entry of the store's own history that the log shows was in it, whether it can be read or not.
    ///
    /// What is valid behind damage counts too: it cannot be read, but it was written.
    pub(super) fn reaches(&self) -> u64 {
        let told = |damage: &wal::LogDamage| {
            let first = damage.lost.first();
            let before = first.map_or(0, |first| first.saturating_sub(1));
            before.max(damage.last_known().unwrap_or(0))
        };
        match &self.judged {
            // Another history, or one that ends before the witness: neither shows entries after the store's own.
            LogFinding::Absent | LogFinding::Contradicted(..) => 0,
            LogFinding::Readable(log) => log.recovery().last_index,
            LogFinding::Damaged(damage, prefix) => {
                let read = prefix.as_ref().map_or(0, |prefix| prefix.last().index);
                read.max(told(damage))
            }
        }
    }
}

/// The witnesses that the log must bear out.
fn witnesses(
    file: &witness_file::FoundWitness,
    marker: &Marker,
) -> Result<Vec<wal::Witness>, RecoveryError> {
    let stored = marker.witness.as_deref().map(wal::Witness::decode);
    let mut witnesses: Vec<wal::Witness> = stored.transpose()?.into_iter().collect();
    witnesses.extend(file.testimony().map(|said| said.witness));
    Ok(witnesses)
}
