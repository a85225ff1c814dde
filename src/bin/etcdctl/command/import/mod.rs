//! `import`: the keys of a saved store written into a living cluster (etcdctl reference 12.2).
//!
//! The file is read and checked whole before the first write, so a damaged one changes nothing. Writes are plain sets:
//! running it again after an interruption ends in the same state, if nobody else writes these keys and the cluster
//! refuses none of them.

mod entry;
#[cfg(test)]
mod fuzz;
mod image;
mod load;
mod store_image;

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use etcd2::bounded;

use super::failure::CommandFailure;
use super::session::Session;
use crate::output::complain;

use entry::ImportEntry;

/// The store of the originals lies in memory whole, and its image is read so as well, with some five times its bytes.
const FILE_BYTES: u64 = 1 << 30;

/// For whoever wonders what a failure left behind, and whether to try again.
const AGAIN: &str = "running it again writes every key of the file once more:\n  \
    it mends what a lost connection, a time-out or a full disk left out;\n  \
    it does not mend a key that the cluster refuses: it ends there again;\n  \
    it overwrites what others changed in these keys meanwhile, gives TTLs what is left of them then (at least 300 s), \
    and removes nothing\n";

/// Loads `file` with so many writes under way at once.
pub(super) async fn run(
    session: &mut Session,
    file: &Path,
    hidden: &[OsString],
    concurrency: usize,
) -> Result<(), CommandFailure> {
    let entries = match read(file, hidden) {
        Ok(entries) => entries,
        Err(reason) => {
            // The original's sentence is on standard output; what is wrong goes where errors belong.
            session
                .screen
                .line(&["cannot read snapshot file ", &file.to_string_lossy()])?;
            return Err(CommandFailure::text(1, reason));
        }
    };
    session.screen.line(&[&format!(
        "starting to import snapshot {} with {concurrency} clients",
        file.display()
    )])?;
    session.screen.flush()?;
    let client = session.connect().await?;
    let total = entries.iter().filter(|entry| entry.is_file()).count();
    let mut count = 0;
    let loaded = load::load(&client, entries, concurrency, &mut count).await;
    loaded.inspect_err(|_| {
        complain(&format!(
            "the import is not complete: at least {count} of {total} keys are written, and stay\n{AGAIN}"
        ));
    })?;
    session
        .screen
        .line(&[&format!("finished importing {count} keys")])?;
    Ok(())
}

/// The file, or what a pipe gives; never more than [`FILE_BYTES`] of it.
fn content(file: &Path) -> Result<Vec<u8>, String> {
    let opened = File::open(file).map_err(|error| error.to_string())?;
    let kind = opened
        .metadata()
        .map_err(|error| error.to_string())?
        .file_type();
    if kind.is_block_device()
        || (kind.is_char_device() && !std::io::IsTerminal::is_terminal(&opened))
    {
        return Err("it is a device, not a saved store; nothing has been written".to_owned());
    }
    bounded::read(opened, FILE_BYTES).map_err(|error| format!("{error}; nothing has been written"))
}

fn read(file: &Path, hidden: &[OsString]) -> Result<Vec<ImportEntry>, String> {
    let bytes = content(file).map_err(|reason| format!("{}: {reason}", file.display()))?;
    let image = image::parse(&bytes)
        .map_err(|error| format!("{}: {error}; nothing has been written", file.display()))?;
    if image.replaced_characters > 0 {
        complain(&format!(
            "warning: {} values or names hold U+FFFD: bytes that were not UTF-8 had been lost when the file was written\n",
            image.replaced_characters
        ));
    }
    let wanted = entry::select(image.entries, hidden);
    // What is not written may look as it likes.
    entry::check(&wanted)
        .map_err(|error| format!("{}: {error}; nothing has been written", file.display()))?;
    Ok(wanted)
}
