//! Member and cluster ids, computed as 2.x does, so that a single node can grow into a cluster
//! (cluster-and-config 1.1).
//!
//! A room of its own, since two others stand on it that do not know each other: `formation` makes the ids of a founding, and
//! `node` asks of a store whether its cluster is that of one member alone. Pure arithmetic, which never changes.

use sha1::{Digest, Sha1};

/// The id of a bootstrap member: SHA-1 over its sorted peer URLs and the cluster token, first eight bytes.
pub(crate) fn member_id(peer_urls: &[String], token: &str) -> u64 {
    let mut urls: Vec<&str> = peer_urls.iter().map(String::as_str).collect();
    urls.sort_unstable();
    let mut digest = Sha1::new();
    for url in urls {
        digest.update(url.as_bytes());
    }
    digest.update(token.as_bytes());
    leading_u64(&digest.finalize())
}

/// The id of a cluster: SHA-1 over its sorted bootstrap member ids as big-endian words, first eight bytes.
pub(crate) fn cluster_id(members: &[u64]) -> u64 {
    let mut members = members.to_vec();
    members.sort_unstable();
    let mut digest = Sha1::new();
    for member in members {
        digest.update(member.to_be_bytes());
    }
    leading_u64(&digest.finalize())
}

fn leading_u64(digest: &[u8]) -> u64 {
    digest
        .iter()
        .take(8)
        .fold(0, |word, byte| (word << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_single_member_has_the_ids_of_the_original() {
        let member = member_id(&["http://localhost:2380".into()], "etcd-cluster");
        assert_eq!(format!("{member:x}"), "8e9e05c52164694d");
        assert_eq!(format!("{:x}", cluster_id(&[member])), "cdf818194e3a8c32");
    }

    /// What Debian's etcd 3.4.23 says of three members on these URLs, one of which has two, with `--initial-cluster-token=three`.
    #[test]
    fn three_members_have_the_ids_of_the_original() {
        let members = [
            (vec!["http://127.0.0.1:23801"], "39d5be522ff47159"),
            (
                vec!["http://127.0.0.1:23802", "http://127.0.0.1:23804"],
                "1eceb940d92ef696",
            ),
            (vec!["http://localhost:23803"], "c437a2b25a76c655"),
        ];
        let ids = members.map(|(urls, expected)| {
            let urls: Vec<String> = urls.into_iter().map(str::to_owned).collect();
            let id = member_id(&urls, "three");
            assert_eq!(format!("{id:x}"), expected, "{urls:?}");
            id
        });
        assert_eq!(format!("{:x}", cluster_id(&ids)), "66c5e871bc73f0a0");
        let [a, b, c] = ids;
        assert_eq!(cluster_id(&[c, a, b]), cluster_id(&ids), "in any order");
    }

    #[test]
    fn the_order_of_urls_does_not_matter() {
        let one = member_id(&["http://a:1".into(), "http://b:2".into()], "t");
        let other = member_id(&["http://b:2".into(), "http://a:1".into()], "t");
        assert_eq!(one, other);
    }
}
