//! Members as the cluster knows them: rows beside the tree, and the hidden nodes made from them.

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use storage::Store;
use storage::operation::Operation;
use storage::path::KeyPath;

/// Rows of members start with this, followed by the id in 16 hex digits: they sort by id.
const PREFIX: &[u8] = b"member/";
/// The row that names the cluster.
const CLUSTER_KEY: &[u8] = b"cluster";
/// What query escaping leaves alone (cluster-and-config 1.3).
const FORM: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// One member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its id.
    pub id: u64,
    /// Its name; empty until it has started once.
    pub name: String,
    /// Where peers reach it.
    pub peer_urls: Vec<String>,
    /// Where clients reach it; empty until it has started once.
    pub client_urls: Vec<String>,
}

/// Why the rows cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MembershipError {
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// A row is not what it should be.
    #[error("the row {key:?} of the store does not decode: {reason}")]
    Malformed {
        /// The row.
        key: String,
        /// Why.
        reason: String,
    },
}

impl Member {
    /// The command's operation that stores this member.
    pub fn record(&self) -> Operation {
        let value = serde_json::to_vec(self).expect("strings and integers always encode");
        Operation::Record {
            key: key(self.id),
            value: Some(value.into()),
        }
    }

    /// The hidden node that 0.4 clients look for: `/_etcd/machines/NAME` (cluster-and-config 1.3).
    pub fn machine(&self) -> Operation {
        let first = |urls: &[String]| {
            let url = urls.first().map_or("", String::as_str);
            utf8_percent_encode(url, FORM).to_string()
        };
        let value = format!(
            "etcd={}&raft={}",
            first(&self.client_urls),
            first(&self.peer_urls)
        );
        Operation::System {
            path: self.machine_path(),
            value: Some(value.into()),
        }
    }

    /// Removes that node: the member goes by another name now.
    pub fn forget_machine(&self) -> Operation {
        Operation::System {
            path: self.machine_path(),
            value: None,
        }
    }

    /// Where the hidden node is. A name that cannot be a path component gives way to the id.
    fn machine_path(&self) -> KeyPath {
        let machines = KeyPath::root().child(b"_etcd").child(b"machines");
        if self.name.is_empty() || self.name.contains('/') {
            machines.child(format!("{:x}", self.id).as_bytes())
        } else {
            machines.child(self.name.as_bytes())
        }
    }
}

fn key(id: u64) -> Bytes {
    let mut key = PREFIX.to_vec();
    key.extend_from_slice(format!("{id:016x}").as_bytes());
    key.into()
}

/// All members, by id.
pub fn members(store: &Store) -> Result<Vec<Member>, MembershipError> {
    let rows = store.records(PREFIX)?;
    rows.into_iter()
        .map(|(key, value)| decode(&key, &value))
        .collect()
}

fn decode(key: &[u8], value: &[u8]) -> Result<Member, MembershipError> {
    serde_json::from_slice(value).map_err(|error| MembershipError::Malformed {
        key: String::from_utf8_lossy(key).into_owned(),
        reason: error.to_string(),
    })
}

/// The cluster's id, once founded.
pub fn cluster(store: &Store) -> Result<Option<u64>, MembershipError> {
    let Some(value) = store.record(CLUSTER_KEY)? else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&value).into_owned();
    let id = u64::from_str_radix(&text, 16).map_err(|error| MembershipError::Malformed {
        key: "cluster".into(),
        reason: error.to_string(),
    })?;
    Ok(Some(id))
}

/// The operation that names the cluster.
pub fn found(cluster: u64) -> Operation {
    let value = format!("{cluster:x}");
    Operation::Record {
        key: Bytes::from_static(CLUSTER_KEY),
        value: Some(value.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_node_is_the_one_of_the_tutorial() {
        let member = Member {
            id: 0xab,
            name: "n1".into(),
            peer_urls: vec!["http://10.0.0.2:7001".into()],
            client_urls: vec!["http://10.0.0.2:4001".into()],
        };
        let Operation::System { path, value } = member.machine() else {
            panic!("a system write")
        };
        assert_eq!(path.as_bytes(), b"/_etcd/machines/n1");
        let expected = "etcd=http%3A%2F%2F10.0.0.2%3A4001&raft=http%3A%2F%2F10.0.0.2%3A7001";
        assert_eq!(value.as_deref(), Some(expected.as_bytes()));
    }

    #[test]
    fn a_nameless_member_goes_by_its_id() {
        let member = Member {
            id: 0xab,
            name: String::new(),
            peer_urls: vec![],
            client_urls: vec![],
        };
        assert_eq!(member.machine_path().as_bytes(), b"/_etcd/machines/ab");
    }

    #[test]
    fn a_row_comes_back() {
        let member = Member {
            id: 7,
            name: "x".into(),
            peer_urls: vec!["http://p".into()],
            client_urls: vec![],
        };
        let Operation::Record {
            key,
            value: Some(value),
        } = member.record()
        else {
            panic!("a record")
        };
        assert_eq!(&key[..], b"member/0000000000000007");
        assert_eq!(decode(&key, &value).expect("decodes"), member);
        assert!(decode(&key, b"{").is_err());
    }
}
