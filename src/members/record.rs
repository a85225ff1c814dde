//! One member as the cluster knows it, and its rows beside the tree, which are JSON.
//!
//! Where a member is reached by the others stands in its row, which changes by the rules of `judge` alone. What it says
//! of itself once it has started stands in another one, so that neither of two writers takes back what the other wrote. In
//! rows of founders both stand together, as the first command of a cluster wrote them; then the second row counts.

use std::collections::{BTreeMap, BTreeSet};

use crate::command::ServerOperation;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use storage::{Store, View};

/// The row that names the cluster: it is there when the cluster is founded.
const CLUSTER_KEY: &[u8] = b"cluster";
/// The row of the nonce.
const NONCE_KEY: &[u8] = b"nonce";

/// The kinds of rows that each member has. An id in 16 hex digits follows their prefix: they sort by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    /// Who it is, and where its peers reach it.
    Member,
    /// What it says of itself.
    Attributes,
    /// It has no vote yet.
    Learner,
    /// It has started: what its data directory drew when it was founded.
    Started,
    /// It is a member no more, and never is again.
    Removed,
}

impl Row {
    fn prefix(self) -> &'static [u8] {
        match self {
            Self::Member => b"member/",
            Self::Attributes => b"attributes/",
            Self::Learner => b"learner/",
            Self::Started => b"started/",
            Self::Removed => b"removed/",
        }
    }

    fn key(self, id: u64) -> Bytes {
        let mut key = self.prefix().to_vec();
        key.extend_from_slice(format!("{id:016x}").as_bytes());
        key.into()
    }

    /// The operation that writes this row of a member.
    pub(super) fn written(self, id: u64, value: impl Into<Bytes>) -> ServerOperation {
        ServerOperation::Record {
            key: self.key(id),
            value: Some(value.into()),
        }
    }

    /// The operation that removes it.
    pub(super) fn removed(self, id: u64) -> ServerOperation {
        ServerOperation::Record {
            key: self.key(id),
            value: None,
        }
    }
}

/// What a member says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Attributes {
    name: String,
    client_urls: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    applies: Option<u8>,
}

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
    /// One that was added, and has not started yet.
    pub(crate) fn unstarted(id: u64, peer_urls: Vec<String>) -> Self {
        Self {
            id,
            name: String::new(),
            peer_urls,
            client_urls: Vec::new(),
            applies: None,
        }
    }

    /// The command's operation that stores this member, with all that is known of it.
    pub(crate) fn record(&self) -> ServerOperation {
        let value = serde_json::to_vec(self).expect("strings and integers always encode");
        Row::Member.written(self.id, value)
    }

    /// The operation that stores what it says of itself.
    pub(crate) fn attributes(&self) -> ServerOperation {
        let attributes = Attributes {
            name: self.name.clone(),
            client_urls: self.client_urls.clone(),
            applies: self.applies,
        };
        let value = serde_json::to_vec(&attributes).expect("strings and integers always encode");
        Row::Attributes.written(self.id, value)
    }

    fn say(&mut self, attributes: Attributes) {
        self.name = attributes.name;
        self.client_urls = attributes.client_urls;
        self.applies = attributes.applies;
    }
}

/// All members, by id.
pub(crate) fn all(store: &Store) -> Result<Vec<Member>, MembersError> {
    all_in(&store.lease()?.view())
}

/// The same, of one state.
pub(super) fn all_in(view: &View<'_>) -> Result<Vec<Member>, MembersError> {
    let rows = view.records(Row::Member.prefix())?.into_iter();
    let members = rows.map(|(key, value)| decode::<Member>(&key, &value));
    let mut members = members.collect::<Result<Vec<_>, _>>()?;
    for (key, value) in view.records(Row::Attributes.prefix())? {
        let mut members = members.iter_mut();
        if let Some(member) = members.find(|member| key == Row::Attributes.key(member.id)) {
            member.say(decode(&key, &value)?);
        }
    }
    Ok(members)
}

/// Whether this id was a member's, and is none's any more.
pub(super) fn is_removed(view: &View<'_>, id: u64) -> Result<bool, MembersError> {
    Ok(view.record(&Row::Removed.key(id))?.is_some())
}

/// Those that have no vote yet.
pub(crate) fn learners(store: &Store) -> Result<BTreeSet<u64>, MembersError> {
    ids(store, Row::Learner)
}

/// Those that were members, and are none any more.
pub(crate) fn removed(store: &Store) -> Result<BTreeSet<u64>, MembersError> {
    ids(store, Row::Removed)
}

/// The members that have a row of this kind.
fn ids(store: &Store, row: Row) -> Result<BTreeSet<u64>, MembersError> {
    let prefix = row.prefix();
    let rows = store.records(prefix)?.into_iter();
    rows.map(|(key, _)| id_of(prefix, &key)).collect()
}

/// The operation that ends a command where that member was removed.
pub(crate) fn unless_removed(id: u64) -> ServerOperation {
    ServerOperation::Unless {
        key: Row::Removed.key(id),
    }
}

fn decode<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, MembersError> {
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
    Row::Started.written(id, disk.to_string())
}

/// The operation that ends a command where that member is known to have started.
pub(crate) fn unless_started(id: u64) -> ServerOperation {
    ServerOperation::Unless {
        key: Row::Started.key(id),
    }
}

/// The members that have started, and the disk of each. Empty in clusters of the first builds.
pub(crate) fn started(store: &Store) -> Result<BTreeMap<u64, u64>, MembersError> {
    let prefix = Row::Started.prefix();
    let rows = store.records(prefix)?.into_iter();
    let rows = rows.map(|(key, value)| Ok((id_of(prefix, &key)?, decode(&key, &value)?)));
    rows.collect()
}

/// The member that a row behind `prefix` is about.
fn id_of(prefix: &[u8], key: &[u8]) -> Result<u64, MembersError> {
    let id = key.get(prefix.len()..).unwrap_or_default();
    u64::from_str_radix(&String::from_utf8_lossy(id), 16).map_err(|_| MembersError::Malformed {
        key: String::from_utf8_lossy(key).into_owned(),
        source: serde::de::Error::custom("its key names no member"),
    })
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
        assert_eq!(decode::<Member>(&key, &value).expect("decodes"), member);
        assert!(decode::<Member>(&key, b"{").is_err());
        let silent = br#"{"id":7,"name":"x","peer_urls":["http://p"],"client_urls":[]}"#;
        let before = Member {
            applies: None,
            ..member
        };
        assert_eq!(decode::<Member>(&key, silent).expect("decodes"), before);
        assert_eq!(serde_json::to_vec(&before).expect("encodes"), silent);
    }
}
