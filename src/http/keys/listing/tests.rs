use std::collections::BTreeMap;
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::time::Duration;

use storage::operation::{Lifetime, Node};
use storage::path::KeyPath;
use tokio::sync::oneshot;

use super::inline::{INLINE_BYTES, INLINE_NODES, INLINE_ROWS};
use super::stream::{CHUNK_BYTES, CHUNKS_AHEAD, First};
use super::writer::Outlet;
use super::*;
use crate::http::keys::permit::ListingPace;
use crate::service::{ListedNode, ListingVisitor};

/// A node for the walk: depth, path, value (`None` is a directory); the index is the place in the list.
type Given = (usize, &'static str, Option<&'static str>);

fn directory(path: &'static str, index: u64) -> Node {
    let path = KeyPath::new(path).unwrap();
    Node {
        path,
        value: None,
        dir: true,
        created: index,
        modified: index,
        lifetime: None,
    }
}

const POSITION: MemberPosition = MemberPosition {
    revision: 9,
    raft_index: 8,
    raft_term: 7,
};

fn visit(walk: &mut dyn ListingVisitor, top: &Node, nodes: &[Given]) {
    assert!(walk.begin(top, POSITION).is_continue());
    for (at, (depth, path, value)) in nodes.iter().enumerate() {
        let index = at as u64 + 100;
        let value = value.map(str::as_bytes);
        let node = ListedNode {
            path: path.as_bytes(),
            value,
            created: index,
            modified: index,
            lifetime: None,
        };
        if walk.node(*depth, node).is_break() {
            return;
        }
    }
}

fn rendered(top: &Node, nodes: &[Given]) -> String {
    let mut walk = ListingWriter::new(Vocabulary::Modern, 0, Inline::default());
    visit(&mut walk, top, nodes);
    let (json, position) = walk.finish().expect("the listing is small");
    assert_eq!(position, POSITION);
    String::from_utf8(json).unwrap()
}

#[test]
fn the_example_of_the_reference() {
    let mut walk = ListingWriter::new(Vocabulary::Modern, 0, Inline::default());
    assert!(walk.begin(&directory("/dd", 24), POSITION).is_continue());
    let sub = ListedNode {
        path: b"/dd/sub",
        value: None,
        created: 24,
        modified: 24,
        lifetime: None,
    };
    assert!(walk.node(1, sub).is_continue());
    let (json, _) = walk.finish().expect("the listing is small");
    assert_eq!(
        String::from_utf8(json).unwrap(),
        concat!(
            r#"{"action":"get","node":{"key":"/dd","dir":true,"nodes":[{"key":"/dd/sub","dir":true,"#,
            r#""modifiedIndex":24,"createdIndex":24}],"modifiedIndex":24,"createdIndex":24}}"#,
            "\n"
        )
    );
}

#[test]
fn an_empty_root_is_as_short_as_can_be() {
    let root = directory("/", 0);
    assert_eq!(
        rendered(&root, &[]),
        "{\"action\":\"get\",\"node\":{\"dir\":true}}\n"
    );
    let listed = rendered(&root, &[(1, "/a", Some("x"))]);
    let child = r#"{"key":"/a","value":"x","modifiedIndex":100,"createdIndex":100}"#;
    assert_eq!(
        listed,
        format!("{{\"action\":\"get\",\"node\":{{\"dir\":true,\"nodes\":[{child}]}}}}\n")
    );
}

#[test]
fn levels_close_wherever_the_walk_comes_up() {
    let nodes = [
        (1, "/a", None),
        (2, "/a/b", None),
        (3, "/a/b/c", Some("1")),
        (3, "/a/b/d", Some("2")),
        (1, "/e", None),
        (1, "/f", Some("")),
        (1, "/g", None),
        (2, "/g/h", None),
    ];
    let json = rendered(&directory("/", 0), &nodes);
    let whole: serde_json::Value = serde_json::from_str(&json).unwrap();
    // Read back as path → names of the children in order, absent where there is no `nodes`.
    fn collect(node: &serde_json::Value, into: &mut BTreeMap<String, Option<Vec<String>>>) {
        let key = |node: &serde_json::Value| node["key"].as_str().unwrap_or("/").to_owned();
        let children = node["nodes"].as_array();
        into.insert(
            key(node),
            children.map(|nodes| nodes.iter().map(key).collect()),
        );
        children
            .into_iter()
            .flatten()
            .for_each(|child| collect(child, into));
    }
    let mut found = BTreeMap::new();
    collect(&whole["node"], &mut found);
    let names = |list: &[&str]| {
        Some(
            list.iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>(),
        )
    };
    let expected = BTreeMap::from([
        ("/".to_owned(), names(&["/a", "/e", "/f", "/g"])),
        ("/a".to_owned(), names(&["/a/b"])),
        ("/a/b".to_owned(), names(&["/a/b/c", "/a/b/d"])),
        ("/a/b/c".to_owned(), None),
        ("/a/b/d".to_owned(), None),
        ("/e".to_owned(), None),
        ("/f".to_owned(), None),
        ("/g".to_owned(), names(&["/g/h"])),
        ("/g/h".to_owned(), None),
    ]);
    assert_eq!(found, expected);
}

#[test]
fn a_listed_node_shows_its_time_to_live() {
    let lifetime = Some(Lifetime {
        expiration: 0,
        deadline: 10_000_000_000,
    });
    let mut walk = ListingWriter::new(Vocabulary::Modern, 500_000_000, Inline::default());
    assert!(
        walk.begin(
            &Node {
                lifetime,
                ..directory("/d", 3)
            },
            POSITION
        )
        .is_continue()
    );
    let (json, _) = walk.finish().expect("the listing is small");
    assert_eq!(
        String::from_utf8(json).unwrap(),
        concat!(
            r#"{"action":"get","node":{"key":"/d","dir":true,"expiration":"1970-01-01T00:00:00Z","ttl":10,"#,
            r#""modifiedIndex":3,"createdIndex":3}}"#,
            "\n"
        )
    );
}

#[test]
fn a_large_listing_is_not_rendered_inline() {
    let many = vec![(1, "/x", Some("v")); INLINE_NODES + 1];
    let mut walk = ListingWriter::new(Vocabulary::Modern, 0, Inline::default());
    visit(&mut walk, &directory("/", 0), &many);
    assert!(walk.finish().is_none());
    let long = vec![
        (
            1,
            "/0123456789abcdef0123456789abcdef",
            Some("0123456789abcdef")
        );
        INLINE_NODES
    ];
    assert!(rendered(&directory("/", 0), &long).len() < INLINE_BYTES);
}

/// A streamed walk and its body, with the limits given.
fn streamed(
    stall: Duration,
    age: Duration,
) -> (
    ListingWriter<Streaming>,
    ListingBody,
    oneshot::Receiver<First>,
) {
    let pace = Arc::new(ListingPace::new(Instant::now()));
    let (streaming, body, begins) =
        stream::open(pace, stall, Instant::now() + age, Box::new(|| false));
    (
        ListingWriter::new(Vocabulary::Modern, 0, streaming),
        body,
        begins,
    )
}

const LONG: Duration = Duration::from_secs(3600);

/// Takes everything: what a document is compared with.
struct All;

impl Outlet for All {
    fn begin(&mut self, _: MemberPosition) {}

    fn written(&mut self, _: &mut Vec<u8>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

fn feed(walk: &mut dyn ListingVisitor) {
    assert!(
        walk.begin(&directory("/directory", 5), POSITION)
            .is_continue()
    );
    for number in 0..3_000 {
        let path = format!("/directory/key-{number:06}");
        let value = Some(&b"value <with> escapes"[..]);
        let node = ListedNode {
            path: path.as_bytes(),
            value,
            created: 1,
            modified: 2,
            lifetime: None,
        };
        assert!(walk.node(1, node).is_continue());
    }
}

#[tokio::test]
async fn a_streamed_listing_is_the_same_document() {
    let mut all = ListingWriter::new(Vocabulary::Modern, 0, All);
    feed(&mut all);
    assert_eq!(all.close(), Some(POSITION));
    let (mut walk, mut body, begins) = streamed(LONG, LONG);
    let walker = tokio::task::spawn_blocking(move || {
        feed(&mut walk);
        walk.end();
    });
    let (position, begun) = begins.await.unwrap().unwrap();
    assert!(position == POSITION && matches!(begun, ListingStart::Streams(())));
    let mut received = Vec::new();
    while let Some(chunk) = poll_fn(|cx| body.poll_chunk(cx)).await {
        let chunk = chunk.unwrap();
        assert!(
            chunk.len() < CHUNK_BYTES + 1_024,
            "a chunk of {} bytes",
            chunk.len()
        );
        received.extend_from_slice(&chunk);
    }
    walker.await.unwrap();
    assert!(received == all.json, "the documents differ");
}

/// A listing that only had to look at much has its length, like any other of its size.
#[tokio::test]
async fn a_small_listing_of_a_thread_that_may_block_is_whole() {
    let (mut walk, _body, begins) = streamed(LONG, LONG);
    let walker = tokio::task::spawn_blocking(move || {
        visit(&mut walk, &directory("/d", 5), &[(1, "/d/a", Some("x"))]);
        walk.end();
    });
    let (position, begun) = begins.await.unwrap().unwrap();
    let ListingStart::Whole(json) = begun else {
        panic!("it does not stream")
    };
    walker.await.unwrap();
    let wanted = rendered(&directory("/d", 5), &[(1, "/d/a", Some("x"))]);
    assert_eq!(
        (position, String::from_utf8(json).unwrap()),
        (POSITION, wanted)
    );
}

/// `HEAD` tells large listings by the same measure, and has no length then.
#[tokio::test]
async fn a_listing_too_large_for_one_buffer_streams_though_it_is_less_than_a_chunk() {
    let (mut walk, _body, begins) = streamed(LONG, LONG);
    let walker = tokio::task::spawn_blocking(move || {
        let many = vec![(1, "/x", Some("v")); INLINE_NODES + 1];
        visit(&mut walk, &directory("/", 0), &many);
        walk.end();
    });
    let (_, begun) = begins.await.unwrap().unwrap();
    walker.await.unwrap();
    assert!(matches!(begun, ListingStart::Streams(())));
}

#[test]
fn a_walk_that_was_cut_is_not_rendered_inline() {
    let mut walk = ListingWriter::new(Vocabulary::Modern, 0, Inline::default());
    assert_eq!(walk.rows_at_most(), Some(INLINE_ROWS));
    visit(&mut walk, &directory("/d", 5), &[(1, "/d/a", Some("x"))]);
    ListingVisitor::cut(&mut walk);
    assert!(walk.finish().is_none());
    assert_eq!(
        ListingWriter::new(Vocabulary::Modern, 0, All).rows_at_most(),
        None
    );
}

/// Feeds nodes until the walk breaks, and says how many it took.
fn feed_until_break(mut walk: ListingWriter<Streaming>) -> usize {
    assert!(walk.begin(&directory("/", 0), POSITION).is_continue());
    let value = vec![b'v'; 1_000];
    for number in 0..1_000_000 {
        let node = ListedNode {
            path: b"/x",
            value: Some(&value),
            created: 1,
            modified: 1,
            lifetime: None,
        };
        if walk.node(1, node).is_break() {
            walk.end();
            return number;
        }
    }
    panic!("the walk never ended");
}

#[tokio::test]
async fn a_client_that_reads_nothing_does_not_hold_the_view() {
    let (walk, mut body, begins) = streamed(Duration::from_millis(30), LONG);
    let walker = tokio::task::spawn_blocking(move || feed_until_break(walk));
    begins.await.unwrap().unwrap();
    let taken = walker.await.unwrap();
    assert!(
        taken <= (CHUNKS_AHEAD + 1) * CHUNK_BYTES / 1_000 + 1,
        "{taken} nodes were buffered"
    );
    for _ in 0..CHUNKS_AHEAD {
        assert!(poll_fn(|cx| body.poll_chunk(cx)).await.unwrap().is_ok());
    }
    assert!(
        poll_fn(|cx| body.poll_chunk(cx)).await.unwrap().is_err(),
        "a cut must not look like an end"
    );
    assert!(poll_fn(|cx| body.poll_chunk(cx)).await.is_none());
}

#[tokio::test]
async fn a_view_that_the_store_wants_back_is_given_up_whatever_the_client_does() {
    let (mut walk, _body, begins) = streamed(LONG, LONG);
    walk.outlet.recalled = Box::new(|| true);
    let walker = tokio::task::spawn_blocking(move || feed_until_break(walk));
    begins.await.unwrap().unwrap();
    let taken = tokio::time::timeout(Duration::from_secs(5), walker).await;
    taken.expect("it does not wait for its client").unwrap();
}

#[tokio::test]
async fn a_view_does_not_grow_older_than_its_age() {
    let (walk, body, begins) = streamed(LONG, Duration::from_millis(30));
    let walker = tokio::task::spawn_blocking(move || feed_until_break(walk));
    begins.await.unwrap().unwrap();
    walker.await.unwrap();
    drop(body);
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_walk() {
    let (walk, body, begins) = streamed(LONG, LONG);
    let walker = tokio::task::spawn_blocking(move || feed_until_break(walk));
    begins.await.unwrap().unwrap();
    drop(body);
    walker.await.unwrap();
}
