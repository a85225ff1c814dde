//! The writes of an import: directories first and in order, then files, several at once.

use std::collections::HashSet;

use etcd2::client::{Client, Error, Key, Put};
use jiff::Timestamp;
use tokio::task::JoinSet;

use super::entry::{Content, Entry, above};
use crate::command::failure::Failure;
use crate::output::complain;

/// A key that is about to expire gets this many seconds, so that it lives to be refreshed by its owner
/// (etcdctl reference 12.2).
const TTL_MIN: u64 = 300;

/// Writes the entries and tells how many keys that were.
///
/// # Errors
/// The first write that the cluster refuses; running it again continues.
pub(super) async fn load(
    client: &Client,
    entries: Vec<Entry>,
    concurrency: usize,
) -> Result<usize, Failure> {
    let (files, directories): (Vec<Entry>, Vec<Entry>) = entries
        .into_iter()
        .partition(|entry| matches!(entry.content, Content::File(_)));
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
        complain(&format!("entering dir: {}\n", directory.key));
        // Files make the directories above them: only those that would not come to be, or have a TTL, are made here.
        if directory.expires.is_some() || !needed.contains(&directory.key) {
            make(client, &directory).await.map_err(Failure::key)?;
        }
    }
    let mut running = JoinSet::new();
    let mut count = 0;
    for file in files {
        while running.len() >= concurrency {
            count += finished(running.join_next().await)?;
        }
        running.spawn(copy(client.clone(), file));
    }
    while let Some(outcome) = running.join_next().await {
        count += finished(Some(outcome))?;
    }
    Ok(count)
}

/// A write that ended is one key more.
fn finished(
    outcome: Option<Result<Result<(), Error>, tokio::task::JoinError>>,
) -> Result<usize, Failure> {
    match outcome {
        None => Ok(0),
        Some(Ok(written)) => written.map(|()| 1).map_err(Failure::key),
        Some(Err(error)) => Err(Failure::text(
            1,
            format!("a write ended unexpectedly: {error}"),
        )),
    }
}

/// Makes a directory; one that is there already is taken over.
async fn make(client: &Client, directory: &Entry) -> Result<(), Error> {
    let ttl = seconds_left(directory);
    let key = Key::from(directory.key.as_str());
    let options = Put {
        dir: true,
        ttl,
        ..Put::default()
    };
    let made = client.put(&key, b"", options.clone()).await;
    match made {
        Err(error) if error.api_code() == Some(NOT_A_FILE) && ttl.is_none() => Ok(()),
        Err(error) if error.api_code() == Some(NOT_A_FILE) => {
            let update = Put {
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

async fn copy(client: Client, file: Entry) -> Result<(), Error> {
    complain(&format!("copying key: {}\n", file.key));
    let options = Put {
        ttl: seconds_left(&file),
        ..Put::default()
    };
    let Content::File(value) = &file.content else {
        return Ok(());
    };
    let key = Key::from(file.key.as_str());
    client.put(&key, value.as_bytes(), options).await.map(drop)
}

fn seconds_left(entry: &Entry) -> Option<u64> {
    let left = entry.expires?.duration_since(Timestamp::now());
    // A part of a second counts as one: nothing expires early.
    let left = u64::try_from(left.as_secs() + i64::from(left.subsec_nanos() > 0)).unwrap_or(0);
    if left < TTL_MIN {
        complain(&format!(
            "extending key {}'s ttl to {TTL_MIN} seconds\n",
            entry.key
        ));
    }
    Some(left.max(TTL_MIN))
}
