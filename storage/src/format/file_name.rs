//! What a name in the directory of a store says about who made it.
//!
//! RocksDB removes, at an opening and while it runs, files of its own that nothing needs any more, by
//! their names alone; a name that is none of its own it leaves alone. People and file systems put such
//! names there, and that is no reason to refuse a store.

/// Who made the file of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// RocksDB may have.
    RocksDb,
    /// Not RocksDB, and it forbids to open what lies beside it: RocksDB's own word for what it means to remove, and ours for
    /// the tables of a copy that is not finished.
    Taken,
    /// Not RocksDB, which leaves it alone.
    Stray,
}

/// Where the tables of a copy lie until RocksDB takes them over. While it is there, the directory is no store.
pub(crate) const INGEST: &str = "ingest";

pub(crate) fn kind(name: &str) -> Kind {
    let fixed = ["CURRENT", "IDENTITY", "LOCK", "LOG"];
    let prefixed = ["LOG.old.", "MANIFEST-", "OPTIONS-"];
    let suffixed = [".sst", ".log", ".dbtmp", ".blob"];
    if fixed.contains(&name)
        || prefixed.iter().any(|prefix| name.starts_with(prefix))
        || suffixed.iter().any(|suffix| name.ends_with(suffix))
    {
        Kind::RocksDb
    } else if name.ends_with(".trash") || name == INGEST {
        Kind::Taken
    } else {
        Kind::Stray
    }
}

/// The words for a directory that is refused because of an entry. A name may hold anything, a whole line of a log too.
pub(crate) fn holds(name: &str) -> String {
    if name == INGEST {
        return format!("it holds {name:?}: a copy of a store that was not finished");
    }
    format!("it holds {name:?}, which is no file of a store")
}
