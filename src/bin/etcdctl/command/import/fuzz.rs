//! Files to import, of all three forms, under mutated bytes: they come from wherever an operator found them.

use fuzz::Campaign;

use super::entry;
use super::image::parse;

#[test]
fn files_to_import() {
    let image = br#"{"Root":{"Path":"/","CreatedIndex":0,"ModifiedIndex":0,"ExpireTime":"0001-01-01T00:00:00Z","ACL":"","Value":"","Children":{"k":{"Path":"/k","CreatedIndex":3,"ModifiedIndex":4,"ExpireTime":"2014-11-22T05:47:05.5+02:00","ACL":"","Value":"v","Children":null}}},"CurrentIndex":7,"CurrentVersion":2}"#;
    let listing = br#"{"action":"get","node":{"dir":true,"nodes":[{"key":"/a","dir":true,"nodes":[{"key":"/a/b","value":"1","expiration":"2026-11-22T05:47:05Z","ttl":5}]}]}}"#;
    let flat = br#"[{"key":"/a","value":"1"},{"key":"/b","dir":true}]"#;
    Campaign::new("etcdctl import")
        .corpus([image.to_vec(), listing.to_vec()])
        .words(&[
            flat,
            b"null",
            b"\"",
            b"{",
            b"[",
            b"\"Children\":{\"x\":",
            b"0001-01-01T00:00:00Z",
            b"\\ud800",
            b"1e999",
            b"\"Path\":\"/..\"",
            b"//",
        ])
        .memory(256 << 10, 1 << 10)
        .run(|bytes| {
            let Ok(image) = parse(bytes) else {
                return false;
            };
            let wanted = entry::select(image.entries, &[]);
            entry::check(&wanted).is_ok()
        });
}
