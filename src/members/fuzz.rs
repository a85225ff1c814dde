//! The record of a member under mutated bytes: it stands in the store, and every start reads it.

use fuzz::Campaign;

use super::Member;

#[test]
fn the_record_of_a_member() {
    let member = Member {
        id: 0x1122_3344,
        name: "n1".to_owned(),
        peer_urls: vec!["http://127.0.0.1:2380".to_owned()],
        client_urls: Vec::new(),
        applies: Some(3),
    };
    let written = serde_json::to_vec(&member).expect("a member is written");
    Campaign::new("member record")
        .corpus([written])
        .words(&[
            b"null", b"\"", b"{", b"[[[[", b"\\u0000", b"1e999", b"\"id\":",
        ])
        .memory(64 << 10, 64)
        .run(|bytes| {
            let Ok(member) = serde_json::from_slice::<Member>(bytes) else {
                return false;
            };
            let again = serde_json::to_vec(&member).expect("a member is written");
            assert_eq!(serde_json::from_slice::<Member>(&again).ok(), Some(member));
            true
        });
}
