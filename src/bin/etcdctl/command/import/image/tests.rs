use super::*;
use crate::command::import::entry::check;

/// What becomes of a file of which everything is wanted.
fn refusal(file: &str) -> String {
    match parse(file.as_bytes()) {
        Ok(image) => check(&image.entries).unwrap_err(),
        Err(error) => error,
    }
}

const IMAGE: &str = r#"{"Root":{"Path":"/","CreatedIndex":0,"ModifiedIndex":0,"ExpireTime":"0001-01-01T00:00:00Z",
    "ACL":"","Value":"","Children":{
      "k":{"Path":"/k","CreatedIndex":3,"ModifiedIndex":4,"ExpireTime":"2014-11-22T05:47:05.5+02:00","ACL":"",
        "Value":"v","Children":null},
      "d":{"Children":{"e":{"Path":"/d/e","CreatedIndex":5,"ModifiedIndex":5,
          "ExpireTime":"0001-01-01T00:00:00Z","Value":"","Children":{}}},
        "Path":"/d","CreatedIndex":5,"ModifiedIndex":5,"ExpireTime":"0001-01-01T00:00:00Z","Value":""}}},
    "WatcherHub":{"EventHistory":null},"CurrentIndex":7,"Stats":{"getsSuccess":1},"CurrentVersion":2}"#;

fn keys(image: &Image) -> Vec<(&str, &ImportContent)> {
    let entries = image.entries.iter();
    entries
        .map(|entry| (entry.key.as_str(), &entry.content))
        .collect()
}

#[test]
fn a_store_image_becomes_entries_with_parents_first() {
    let image = parse(IMAGE.as_bytes()).unwrap();
    assert_eq!(
        keys(&image),
        [
            ("/k", &ImportContent::File("v".to_owned())),
            ("/d", &ImportContent::Directory),
            ("/d/e", &ImportContent::Directory),
        ]
    );
    let expires = image.entries[0].expires.unwrap();
    assert_eq!(expires.to_string(), "2014-11-22T03:47:05.5Z");
    assert_eq!(image.entries[1].expires, None);
}

#[test]
fn a_saved_listing_and_a_flat_list_are_recognised() {
    let listing = r#"{"action":"get","node":{"dir":true,"nodes":[
        {"key":"/a","dir":true,"nodes":[{"key":"/a/b","value":"1","expiration":"2026-11-22T05:47:05Z","ttl":5}]},
        {"key":"/c","value":"\ufffd"}]}}"#;
    let image = parse(listing.as_bytes()).unwrap();
    assert_eq!(
        keys(&image),
        [
            ("/a", &ImportContent::Directory),
            ("/a/b", &ImportContent::File("1".to_owned())),
            ("/c", &ImportContent::File("\u{fffd}".to_owned())),
        ]
    );
    assert!(image.entries[1].expires.is_some());
    assert_eq!(image.replaced_characters, 1);
    // Debian's client has no key for the root.
    let listing = r#"{"action":"get","node":{"key":"","dir":true,"value":"","nodes":[{"key":"/a","value":"1","nodes":null}]}}"#;
    assert_eq!(keys(&parse(listing.as_bytes()).unwrap()).len(), 1);
    let image = parse(br#" [{"key":"/"},{"key":"/a","value":""},{"key":"/empty/"}]"#).unwrap();
    assert_eq!(
        keys(&image),
        [
            ("/a", &ImportContent::File(String::new())),
            ("/empty", &ImportContent::Directory),
        ]
    );
}

#[test]
fn a_damaged_file_is_refused_with_the_place() {
    for (from, to, reason) in [
        (
            "\"CurrentVersion\":2",
            "\"CurrentVersion\":3",
            "its version is 3, not 2",
        ),
        (
            "\"Path\":\"/d/e\"",
            "\"Path\":\"/d/x\"",
            "/d/e: it calls itself \"/d/x\"",
        ),
        (
            "\"CurrentIndex\":7",
            "\"CurrentIndex\":4",
            "/d/e: index 5 is beyond the store's 4",
        ),
        ("\"Path\":\"/k\",", "", "/k: it has no path"),
        ("2014-11-22T05", "2014-22-11T05", "/k expires at"),
        ("\"Root\"", "\"root\"", "it is neither a store image"),
        ("\"d\":{", "\"k\":{", "/k/e: it calls itself \"/d/e\""),
    ] {
        assert!(IMAGE.contains(from), "{from}");
        let error = refusal(&IMAGE.replacen(from, to, 1));
        assert!(error.contains(reason), "{error}");
    }
    for length in 0..IMAGE.len() {
        assert!(
            parse(&IMAGE.as_bytes()[..length]).is_err(),
            "cut at {length}"
        );
    }
    for bad in [
        "",
        "null",
        "[1]",
        "[{\"key\":\"a\",\"value\":\"\"}]",
        "{\"node\":{\"key\":1}}",
    ] {
        assert!(!refusal(bad).is_empty(), "{bad}");
    }
    let twice = r#"[{"key":"/a","value":"1"},{"key":"/a","value":"2"}]"#;
    assert_eq!(refusal(twice), "/a is in it twice");
    for (list, reason) in [
        (
            r#"[{"key":"/a","value":"1"},{"key":"/a/b/c","value":"2"}]"#,
            "/a/b/c is below /a, which is a file",
        ),
        (r#"[{"key":"/x//a","value":"1"}]"#, "\"/x//a\" is no key"),
        (
            r#"[{"key":"/x/../a","value":"1"}]"#,
            "\"/x/../a\" is no key",
        ),
        (r#"[{"key":"/","value":"1"}]"#, "\"/\" is no key"),
        (
            r#"{"node":{"dir":true,"nodes":[{"key":"/a","dir":true,"nodes":[{"value":"x"}]}]}}"#,
            "\"/\" stands in /a, where it does not belong",
        ),
        (
            r#"{"node":{"key":"/a","dir":true,"nodes":[{"key":"/b","value":"x"}]}}"#,
            "\"/b\" stands in /a, where it does not belong",
        ),
    ] {
        assert_eq!(refusal(list), reason);
    }
}

#[test]
fn no_file_is_too_deep_for_the_stack() {
    let nested = |depth: usize| {
        let mut path = String::new();
        let mut open = String::from(
            "{\"CurrentIndex\":1,\"CurrentVersion\":2,\"Root\":{\"Path\":\"/\",\"Children\":{",
        );
        for _ in 0..depth {
            path.push_str("/x");
            open.push_str(&format!("\"x\":{{\"Path\":\"{path}\",\"Children\":{{"));
        }
        open + &"}}".repeat(depth + 1) + "}"
    };
    assert_eq!(parse(nested(512).as_bytes()).unwrap().entries.len(), 512);
    let error = parse(nested(700).as_bytes()).unwrap_err();
    assert!(error.contains("deeper than 600 directories"), "{error}");
}
