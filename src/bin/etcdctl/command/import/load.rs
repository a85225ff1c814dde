//! The writes of an import: directories first and in order, then files, several at once.

use std::collections::HashSet;

use etcd2::client::{Client, Error, Key, PutOptions};
use jiff::Timestamp;
use tokio::task::JoinSet;

use super::entry::{ImportContent, ImportEntry, above};
use crate::command::failure::CommandFailure;
use crate::output::{complain, one_line};

/// A key that is about to expire gets this many seconds, so that it lives to be refreshed by its owner
/// (etcdctl reference 12.2).
const TTL_MIN: u64 = 300;

/// Writes the entries and counts the keys that are known to be written.
///
/// # Errors
/// The first write that fails. Those that are under way then may or may not have taken effect.
pub(super) async fn load(
    client: &Client,
    entries: Vec<ImportEntry>,
    concurrency: usize,
    count: &mut usize,
) -> Result<(), CommandFailure> {
    let (files, directories): (Vec<ImportEntry>, Vec<ImportEntry>) =
        entries.into_iter().partition(ImportEntry::is_file);
    let mut needed: HashSet<String> = HashSet::new();
    for entry in directories.iter().chain(&files) {
        // Above one that is needed all are needed, and known.
        for directory in above(&entry.key) {
            if !needed.insert(directory.to_owned()) {
                break;
            }
        }
    }
    for directory in directories {
        complain(&format!("entering dir: {}\n", one_line(&directory.key)));
        // Files make the directories above them: only those that would not come to be, or have a TTL, are made here.
        if directory.expires.is_some() || !needed.contains(&directory.key) {
            let made = make(client, &directory).await;
            made.map_err(|error| unwritten(&directory, error))?;
        }
    }
    let mut running = JoinSet::new();
    for file in files {
        while running.len() >= concurrency {
            *count += finished(running.join_next().await)?;
        }
        running.spawn(copy(client.clone(), file));
    }
    while let Some(outcome) = running.join_next().await {
        *count += finished(Some(outcome))?;
    }
    Ok(())
}

/// A write that ended is one key more.
fn finished(
    outcome: Option<Result<Result<(), CommandFailure>, tokio::task::JoinError>>,
) -> Result<usize, CommandFailure> {
    match outcome {
        None => Ok(0),
        Some(Ok(written)) => written.map(|()| 1),
        Some(Err(error)) => Err(CommandFailure::text(
            1,
            format!("a write ended unexpectedly: {error}"),
        )),
    }
}

/// Says which key it was: the words of the cluster may be about another one, or about none.
fn unwritten(entry: &ImportEntry, error: Error) -> CommandFailure {
    complain(&format!("failed to write: {}\n", one_line(&entry.key)));
    CommandFailure::key(error)
}

/// Makes a directory; one that is there already is taken over.
async fn make(client: &Client, directory: &ImportEntry) -> Result<(), Error> {
    let ttl = seconds_left(directory);
    let key = Key::from(directory.key.as_str());
    let options = PutOptions {
        dir: true,
        ttl,
        ..PutOptions::default()
    };
    let made = client.put(&key, b"", options.clone()).await;
    match made {
        Err(error) if error.api_code() == Some(NOT_A_FILE) && ttl.is_none() => Ok(()),
        Err(error) if error.api_code() == Some(NOT_A_FILE) => {
            let update = PutOptions {
                prev_exist: Some(true),
                ..options
            };
            client.put(&key, b"", update).await.map(drop)
        }
        made => made.map(drop),
    }
}

/// The error for a directory where a file, or nothing, was expected (keys-api 3).
const NOT_A_FILE: i64 = 102;

async fn copy(client: Client, file: ImportEntry) -> Result<(), CommandFailure> {
    complain(&format!("copying key: {}\n", one_line(&file.key)));
    let options = PutOptions {
        ttl: seconds_left(&file),
        ..PutOptions::default()
    };
    let ImportContent::File(value) = &file.content else {
        return Ok(());
    };
    let key = Key::from(file.key.as_str());
    let written = client.put(&key, value.as_bytes(), options).await;
    written.map(drop).map_err(|error| unwritten(&file, error))
}

fn seconds_left(entry: &ImportEntry) -> Option<u64> {
    let left = entry.expires?.duration_since(Timestamp::now());
    // A part of a second counts as one: nothing expires early.
    let left = u64::try_from(left.as_secs() + i64::from(left.subsec_nanos() > 0)).unwrap_or(0);
    if left < TTL_MIN {
        complain(&format!(
            "extending key {}'s ttl to {TTL_MIN} seconds\n",
            one_line(&entry.key)
        ));
    }
    Some(left.max(TTL_MIN))
}
