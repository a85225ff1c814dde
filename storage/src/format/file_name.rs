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
    /// Not RocksDB, which would remove it all the same: its own word for what it means to remove.
    Taken,
    /// Not RocksDB, which leaves it alone.
    Stray,
}

pub(crate) fn kind(name: &str) -> Kind {
    let fixed = ["CURRENT", "IDENTITY", "LOCK", "LOG"];
    let prefixed = ["LOG.old.", "MANIFEST-", "OPTIONS-"];
    let suffixed = [".sst", ".log", ".dbtmp", ".blob"];
    if fixed.contains(&name)
        || prefixed.iter().any(|prefix| name.starts_with(prefix))
        || suffixed.iter().any(|suffix| name.ends_with(suffix))
    {
        Kind::RocksDb
    } else if name.ends_with(".trash") {
        Kind::Taken
    } else {
        Kind::Stray
    }
}

/// The words for a directory that is refused because of an entry. A name may hold anything, a whole line of a log too.
pub(crate) fn holds(name: &str) -> String {
    format!("it holds {name:?}, which is no file of a store")
}
