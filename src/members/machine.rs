//! The hidden node of a member, `/_etcd/machines/NAME`, that 0.4 clients look for.

use crate::command::ServerOperation;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use storage::path::KeyPath;

use super::record::Member;

/// What query escaping leaves alone (cluster-and-config 1.3).
const FORM: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

impl Member {
    /// The hidden node that 0.4 clients look for: `/_etcd/machines/NAME` (cluster-and-config 1.3).
    pub(crate) fn machine(&self) -> ServerOperation {
        let first = |urls: &[String]| {
            let url = urls.first().map_or("", String::as_str);
            utf8_percent_encode(url, FORM).to_string()
        };
        let value = format!(
            "etcd={}&raft={}",
            first(&self.client_urls),
            first(&self.peer_urls)
        );
        ServerOperation::System {
            path: self.machine_path(),
            value: Some(value.into()),
        }
    }

    /// Removes that node: the member goes by another name now.
    pub(crate) fn forget_machine(&self) -> ServerOperation {
        ServerOperation::System {
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
            applies: None,
        };
        let ServerOperation::System { path, value } = member.machine() else {
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
            applies: None,
        };
        assert_eq!(member.machine_path().as_bytes(), b"/_etcd/machines/ab");
    }
}
