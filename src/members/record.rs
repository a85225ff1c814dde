//! One member as the cluster knows it, and its row beside the tree: JSON under `member/` and its id, so that rows sort by id.

use std::collections::BTreeMap;

use crate::command::ServerOperation;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use storage::Store;

/// Rows of members start with this, followed by the id in 16 hex digits: they sort by id.
const PREFIX: &[u8] = b"member/";
/// The row that names the cluster: it is there when the cluster is founded.
const CLUSTER_KEY: &[u8] = b"cluster";
/// Rows of members that have started, by id as above: what their data directory drew when it was founded.
const STARTED_PREFIX: &[u8] = b"started/";
/// The row of the nonce.
const NONCE_KEY: &[u8] = b"nonce";

/// One member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    /// Its id.
    pub id: u64,
    /// Its name; empty until it has started once.
    pub name: String,
    /// Where peers reach it.
    pub peer_urls: Vec<String>,
    /// Where clients reach it; empty until it has started once.
    pub client_urls: Vec<String>,
    /// The highest format of commands that it applies; `None` until it has started once, and from builds that did not say.
    /// Those pass over the field, and keep it as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applies: Option<u8>,
}

/// Why the rows cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MembersError {
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// A row is not what it should be.
    #[error("the row {key:?} of the store does not decode: {source}")]
    Malformed {
        /// The row.
        key: String,
        /// Why.
        source: serde_json::Error,
    },
}

impl Member {
    /// The command's operation that stores this member.
    pub(crate) fn record(&self) -> ServerOperation {
        let value = serde_json::to_vec(self).expect("strings and integers always encode");
        ServerOperation::Record {
            key: key(self.id),
            value: Some(value.into()),
        }
    }
}

fn key(id: u64) -> Bytes {
    row_of(PREFIX, id)
}

fn row_of(prefix: &[u8], id: u64) -> Bytes {
    let mut key = prefix.to_vec();
    key.extend_from_slice(format!("{id:016x}").as_bytes());
    key.into()
}

/// All members, by id.
pub(crate) fn all(store: &Store) -> Result<Vec<Member>, MembersError> {
    let rows = store.records(PREFIX)?;
    rows.into_iter()
        .map(|(key, value)| decode(&key, &value))
        .collect()
}

fn decode(key: &[u8], value: &[u8]) -> Result<Member, MembersError> {
    serde_json::from_slice(value).map_err(|source| MembersError::Malformed {
        key: String::from_utf8_lossy(key).into_owned(),
        source,
    })
}

/// Whether the cluster is founded, as far as this store has applied.
pub(crate) fn is_founded(store: &Store) -> Result<bool, MembersError> {
    Ok(store.record(CLUSTER_KEY)?.is_some())
}

/// The random number that the founding drew. Clusters that were founded with the same options have the same ids, and other
/// nonces: data of one is no data of the other. `None` before the founding, and in clusters of the first builds.
pub(crate) fn nonce(store: &Store) -> Result<Option<u64>, MembersError> {
    let row = store.record(NONCE_KEY)?;
    row.map(|row| {
        serde_json::from_slice(&row).map_err(|source| MembersError::Malformed {
            key: String::from_utf8_lossy(NONCE_KEY).into_owned(),
            source,
        })
    })
    .transpose()
}

/// The operation that ends a founding where a cluster is founded already.
pub(crate) fn unless_founded() -> ServerOperation {
    ServerOperation::Unless {
        key: Bytes::from_static(CLUSTER_KEY),
    }
}

/// The operation that says that a member has started, on which disk.
pub(crate) fn started_row(id: u64, disk: u64) -> ServerOperation {
    ServerOperation::Record {
        key: row_of(STARTED_PREFIX, id),
        value: Some(disk.to_string().into()),
    }
}

/// The operation that ends a command where that member is known to have started.
pub(crate) fn unless_started(id: u64) -> ServerOperation {
    ServerOperation::Unless {
        key: row_of(STARTED_PREFIX, id),
    }
}

/// The members that have started, and the disk of each. Empty in clusters of the first builds.
pub(crate) fn started(store: &Store) -> Result<BTreeMap<u64, u64>, MembersError> {
    let rows = store.records(STARTED_PREFIX)?.into_iter();
    let rows = rows.map(|(key, value)| {
        let shown = || String::from_utf8_lossy(&key).into_owned();
        let malformed = |source| MembersError::Malformed {
            key: shown(),
            source,
        };
        let id = key.get(STARTED_PREFIX.len()..).unwrap_or_default();
        let id = u64::from_str_radix(&String::from_utf8_lossy(id), 16)
            .map_err(|_| malformed(serde::de::Error::custom("its key names no member")))?;
        Ok((id, serde_json::from_slice(&value).map_err(malformed)?))
    });
    rows.collect()
}

/// The operation that stores the nonce.
pub(crate) fn nonce_row(nonce: u64) -> ServerOperation {
    ServerOperation::Record {
        key: Bytes::from_static(NONCE_KEY),
        value: Some(nonce.to_string().into()),
    }
}

/// The operation that names the cluster.
pub(crate) fn cluster_row(cluster: u64) -> ServerOperation {
    let value = format!("{cluster:x}");
    ServerOperation::Record {
        key: Bytes::from_static(CLUSTER_KEY),
        value: Some(value.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_comes_back() {
        let member = Member {
            id: 7,
            name: "x".into(),
            peer_urls: vec!["http://p".into()],
            client_urls: vec![],
            applies: Some(3),
        };
        let ServerOperation::Record {
            key,
            value: Some(value),
        } = member.record()
        else {
            panic!("a record")
        };
        assert_eq!(&key[..], b"member/0000000000000007");
        assert_eq!(decode(&key, &value).expect("decodes"), member);
        assert!(decode(&key, b"{").is_err());
        let silent = br#"{"id":7,"name":"x","peer_urls":["http://p"],"client_urls":[]}"#;
        let before = Member {
            applies: None,
            ..member
        };
        assert_eq!(decode(&key, silent).expect("decodes"), before);
        assert_eq!(serde_json::to_vec(&before).expect("encodes"), silent);
    }
}
