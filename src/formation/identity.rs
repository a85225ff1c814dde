//! Member and cluster ids, computed as 2.x does, so that a single node can grow into a cluster
//! (cluster-and-config 1.1).

use sha1::{Digest, Sha1};

/// The id of a bootstrap member: SHA-1 over its sorted peer URLs and the cluster token, first eight bytes.
pub(super) fn member_id(peer_urls: &[String], token: &str) -> u64 {
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
pub(super) fn cluster_id(members: &[u64]) -> u64 {
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

    #[test]
    fn the_order_of_urls_does_not_matter() {
        let one = member_id(&["http://a:1".into(), "http://b:2".into()], "t");
        let other = member_id(&["http://b:2".into(), "http://a:1".into()], "t");
        assert_eq!(one, other);
    }
}
