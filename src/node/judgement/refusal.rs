//! Why a start is refused, in words that end with what to do. Nothing was changed when one of these is said.

use std::fmt;
use std::path::PathBuf;

use crate::node::advice::WITHOUT_A_MEMBER;

/// What is to be done when nothing of this directory can be served.
const ANEW: &str = "put back a copy of the whole directory that was made while the node was stopped, or where this node \
                    is alone, start with a new, empty --data-dir and load a saved listing with 'etcdctl import --snap FILE'; one member \
                    of several stays stopped, and the others go on";

/// What may be behind it, where the content came from another directory.
fn copy_hint(copied: bool) -> &'static str {
    match copied {
        true => {
            " (this directory is a copy: one that was copied while its node was running looks like this)"
        }
        false => "",
    }
}

/// A refusal; see the module.
#[derive(Debug, thiserror::Error)]
pub enum StartRefusal {
    /// Parts of several nodes.
    #[error(
        "{directory} holds parts of different nodes: {parts}. Nothing was changed. Put the files of one node together \
         again; or {ANEW}"
    )]
    Strangers {
        /// The data directory.
        directory: PathBuf,
        /// Who says what.
        parts: String,
    },
    /// The manifest of the store, or the file that names it.
    #[error("{fault}{}. Nothing was changed, and nothing of it can be served; {ANEW}", copy_hint(*copied))]
    StoreUnreadable {
        /// Where and what.
        fault: String,
        /// Whether the content came from another directory.
        copied: bool,
    },
    /// It is not known which directory is the store.
    #[error(
        "{pointer} does not say which directory is the store: {reason}, and {found}. Nothing was changed. Bring back the \
         file as it was, or the directory that it names; or {ANEW}"
    )]
    Pointer {
        /// The file.
        pointer: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What lies there, in words.
        found: String,
    },
    /// The store is gone.
    #[error(
        "the store {path} is gone or was never finished, although {proof}. Nothing was changed. Bring that \
         directory back; or {ANEW}"
    )]
    StoreLost {
        /// Where it should be.
        path: PathBuf,
        /// Why it must have been there.
        proof: &'static str,
    },
    /// An incomplete copy.
    #[error(
        "{directory} was copied while its node was running, or the copy is not complete: {fault}. Nothing was changed. \
         Stop the node and copy its directory again; if this is all that is left, remove the file LOCK from it: the next start \
         then goes by what lies here, and serves what of it can be read; or {ANEW}"
    )]
    Copied {
        /// The data directory.
        directory: PathBuf,
        /// The first fault.
        fault: String,
    },
    /// A cluster member's log.
    #[error(
        "{loss}. Nothing was changed. This member promised its cluster to remember these entries: put back what is missing; else \
         {WITHOUT_A_MEMBER}"
    )]
    Member {
        /// What is lost.
        loss: LogLoss,
    },
    /// The log of a node that is alone.
    #[error("{loss}. Nothing was changed. {}", acceptance(loss, hurt.as_ref()))]
    LogLoss {
        /// What is lost.
        loss: LogLoss,
        /// What of the store is damaged as well, so that it would only be read.
        hurt: Option<Hurt>,
    },
    /// Entries between store and log.
    #[error(
        "the log {log} begins with entry {first}, but the store {store} ends with entry {applied}: entries {} to {} are \
         missing{torn}. Nothing was changed. The store may be an older copy: bring back the one that belongs here; or {ANEW}",
        applied + 1,
        first - 1
    )]
    Gap {
        /// The log.
        log: PathBuf,
        /// Its first index.
        first: u64,
        /// The store.
        store: PathBuf,
        /// Its applied index.
        applied: u64,
        /// What was dropped from the end of the store's manifest, in words; mostly empty.
        torn: String,
    },
    /// A newer release wrote it.
    #[error(
        "the data directory {directory} has format {found}, this version knows up to {known}: start it with the newer \
         version"
    )]
    Newer {
        /// The data directory.
        directory: PathBuf,
        /// The format found.
        found: u32,
        /// The newest one known.
        known: u32,
    },
}

/// A store that can only be read.
#[derive(Debug)]
pub struct Hurt {
    /// The first fault.
    pub fault: String,
    /// The entry that it stands at.
    pub applied: u64,
}

/// What accepting the loss does. A log is set aside only for a store that can be written: for one that only serves reads it
/// stays as it is, and so does the question.
fn acceptance(loss: &LogLoss, hurt: Option<&Hurt>) -> String {
    let option = format!("--accept-log-loss={}", loss.kept);
    match hurt {
        None => format!(
            "Bring the file back if you can; to go on without these entries, start once with {option}: the log is set aside \
             then, and the node serves everything up to entry {}",
            loss.kept
        ),
        Some(Hurt { fault, applied }) => format!(
            "The store is damaged as well: {fault}. Bring the files back if you can; to read what is left, start with \
             {option}: the node then only serves reads, of the state at entry {applied}, and the log stays as it is, so each \
             start needs this option until the store is mended"
        ),
    }
}

/// Entries that are gone, as far as it is known.
#[derive(Debug)]
pub struct LogLoss {
    /// Where, and what is wrong.
    pub what: String,
    /// The last entry that can be served.
    pub kept: u64,
    /// The last entry known to have been there.
    pub known_until: Option<u64>,
    /// Whether the content came from another directory.
    pub copied: bool,
    /// Whether the store holds everything all the same.
    pub proven: bool,
}

impl LogLoss {
    /// Why the log is set aside.
    pub fn why(&self) -> String {
        match self.proven {
            true => format!(
                "{}; nothing is missing, since the node was stopped clean and its store holds everything",
                self.what
            ),
            false => format!("{self}; accepted by --accept-log-loss"),
        }
    }
}

impl fmt::Display for LogLoss {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.what)?;
        write!(
            out,
            "; everything after entry {} is lost, number unknown",
            self.kept
        )?;
        if let Some(until) = self.known_until.filter(|until| *until > self.kept) {
            write!(out, " (at least up to entry {until})")?;
        }
        out.write_str(copy_hint(self.copied))
    }
}
