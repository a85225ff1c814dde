//! Every call on keys with every option, against real servers of both kinds.

use std::time::Duration;

use etcd2::client::{
    Client, ClientOptions, DeleteOptions, Endpoint, Error, GetOptions, Key, KeyEvent, KeyNode,
    PutOptions, WatchOptions, within,
};

use super::call::soon;
use super::support::fake::LIMIT;
use super::support::seed::{self, Rng};
use super::support::server::{self, Launch, Server};

/// One server of each kind.
fn kinds() -> [Launch; 2] {
    [server::ours(), server::debian()]
}

/// Starting waits with a blocked thread, which a runtime must not be used for.
async fn start(launch: Launch) -> (Server, Client) {
    let server = tokio::task::spawn_blocking(|| launch.start())
        .await
        .unwrap();
    let client = Client::new(ClientOptions {
        endpoints: vec![Endpoint::parse(&server.url()).unwrap()],
        header_timeout: Some(LIMIT),
        ..ClientOptions::default()
    });
    (server, client)
}

fn code(outcome: Result<KeyEvent, Error>) -> i64 {
    let error = outcome.expect_err("the server refuses");
    let Error::Api(api) = &error else {
        panic!("{error:?}");
    };
    assert!((400..500).contains(&api.status), "{error:?}");
    api.code
}

async fn set(client: &Client, key: &str, value: &str) -> KeyEvent {
    client
        .put(&Key::from(key), value.as_bytes(), PutOptions::default())
        .await
        .unwrap()
}

fn keys(node: &KeyNode) -> Vec<String> {
    node.nodes.iter().map(|node| node.key.clone()).collect()
}

#[tokio::test]
async fn writing_and_its_conditions() {
    for launch in kinds() {
        let (_server, client) = start(launch).await;
        let key = Key::from("/a/k");
        let put = async |value: &str, options: PutOptions| {
            client.put(&key, value.as_bytes(), options).await
        };

        let first = put("one", PutOptions::default()).await.unwrap();
        assert_eq!(
            (first.action.as_str(), first.node.key.as_str()),
            ("set", "/a/k")
        );
        assert_eq!(first.node.created_index, first.node.modified_index);
        assert_eq!(first.etcd_index, first.node.modified_index);
        assert!(first.raft_index > 0 && first.raft_term > 0 && first.prev_node.is_none());
        let second = put("two", PutOptions::default()).await.unwrap();
        assert_eq!(second.prev_node.unwrap().value, "one");
        assert!(second.node.modified_index > first.node.modified_index);

        let exist = |exist| PutOptions {
            prev_exist: Some(exist),
            ..PutOptions::default()
        };
        let updated = put("three", exist(true)).await.unwrap();
        assert_eq!(updated.action, "update");
        assert_eq!(updated.node.created_index, second.node.created_index);
        assert_eq!(code(put("x", exist(false)).await), 105);
        let missing = client.put(&Key::from("/none"), b"x", exist(true)).await;
        assert_eq!(code(missing), 100);
        let created = client.put(&Key::from("/new"), b"x", exist(false)).await;
        assert_eq!(created.unwrap().action, "create");

        let value = |value: &str| PutOptions {
            prev_value: Some(value.into()),
            ..PutOptions::default()
        };
        assert_eq!(code(put("x", value("two")).await), 101);
        let swapped = put("four", value("three")).await.unwrap();
        assert_eq!(swapped.action, "compareAndSwap");
        let at = |index| PutOptions {
            prev_index: Some(index),
            ..PutOptions::default()
        };
        assert_eq!(code(put("x", at(1_000_000)).await), 101);
        let swapped = put("five", at(swapped.node.modified_index)).await.unwrap();
        assert_eq!(swapped.node.value, "five");
        let both = PutOptions {
            prev_value: Some(b"five".to_vec()),
            ..at(swapped.node.modified_index)
        };
        assert_eq!(put("six", both).await.unwrap().node.value, "six");

        let lasting = PutOptions {
            ttl: Some(1_000),
            ..PutOptions::default()
        };
        let limited = put("seven", lasting).await.unwrap();
        assert!((1..=1_000).contains(&limited.node.ttl));
        assert!(limited.node.expiration.unwrap().ends_with('Z'));
        let unlimited = put("eight", exist(true)).await.unwrap();
        assert_eq!((unlimited.node.ttl, unlimited.node.expiration), (0, None));
        assert_eq!(
            code(
                client
                    .put(&Key::from("/a/k/x"), b"", PutOptions::default())
                    .await
            ),
            104
        );
        assert_eq!(
            code(
                client
                    .put(&Key::from("/a"), b"", PutOptions::default())
                    .await
            ),
            102
        );
        assert_eq!(
            code(
                client
                    .put(&Key::from("/"), b"", PutOptions::default())
                    .await
            ),
            107
        );
    }
}

#[tokio::test]
async fn directories_and_their_listings() {
    for launch in kinds() {
        let (_server, client) = start(launch).await;
        let dir = |prev_exist, ttl| PutOptions {
            dir: true,
            prev_exist,
            ttl,
            ..PutOptions::default()
        };
        let d = Key::from("/d");
        let made = client
            .put(&d, b"ignored", dir(Some(false), None))
            .await
            .unwrap();
        assert!(made.node.dir && made.node.value.is_empty());
        assert_eq!(code(client.put(&d, b"", dir(Some(false), None)).await), 105);
        assert_eq!(code(client.put(&d, b"", dir(None, None)).await), 102);
        let renewed = client
            .put(&d, b"", dir(Some(true), Some(500)))
            .await
            .unwrap();
        assert!((1..=500).contains(&renewed.node.ttl));
        for name in ["c", "a", "b/y", "b/x", "_hidden"] {
            set(&client, &format!("/d/{name}"), name).await;
        }
        let flat = GetOptions {
            sorted: true,
            ..GetOptions::default()
        };
        let listed = client.get(&d, flat).await.unwrap();
        assert_eq!(listed.action, "get");
        assert_eq!(keys(&listed.node), ["/d/a", "/d/b", "/d/c"]);
        assert!(listed.node.nodes[1].nodes.is_empty());
        for quorum in [None, Some(false), Some(true)] {
            for local in [false, true] {
                let deep = GetOptions {
                    recursive: true,
                    sorted: true,
                    quorum,
                    local,
                };
                let listed = client.get(&d, deep).await.unwrap();
                assert_eq!(keys(&listed.node.nodes[1]), ["/d/b/x", "/d/b/y"]);
            }
        }
        let root = client
            .get(&Key::from(""), GetOptions::default())
            .await
            .unwrap();
        assert_eq!((root.node.key.as_str(), root.node.dir), ("/", true));

        let delete =
            async |key: &str, options: DeleteOptions| client.delete(&Key::from(key), options).await;
        assert_eq!(code(delete("/d", DeleteOptions::default()).await), 102);
        let empty = DeleteOptions {
            dir: true,
            ..DeleteOptions::default()
        };
        assert_eq!(code(delete("/d", empty.clone()).await), 108);
        assert_eq!(code(delete("/", empty.clone()).await), 107);
        let all = DeleteOptions {
            recursive: true,
            ..DeleteOptions::default()
        };
        let gone = delete("/d", all.clone()).await.unwrap();
        assert_eq!(gone.action, "delete");
        assert!(gone.node.dir && gone.prev_node.unwrap().dir);
        assert_eq!(code(delete("/d", all).await), 100);
        client.put(&d, b"", dir(None, None)).await.unwrap();
        delete("/d", empty).await.unwrap();
        assert_eq!(code(client.get(&d, GetOptions::default()).await), 100);
    }
}

#[tokio::test]
async fn deleting_and_its_conditions() {
    for launch in kinds() {
        let (_server, client) = start(launch).await;
        let key = Key::from("/k");
        let written = set(&client, "/k", "v").await;
        let value = |value: &str| DeleteOptions {
            prev_value: Some(value.into()),
            ..DeleteOptions::default()
        };
        let at = |index| DeleteOptions {
            prev_index: Some(index),
            ..DeleteOptions::default()
        };
        assert_eq!(code(client.delete(&key, value("x")).await), 101);
        assert_eq!(code(client.delete(&key, at(1)).await), 101);
        let gone = client.delete(&key, value("v")).await.unwrap();
        assert_eq!(gone.action, "compareAndDelete");
        assert!(gone.node.modified_index > written.node.modified_index);
        let written = set(&client, "/k", "w").await;
        client
            .delete(&key, at(written.node.modified_index))
            .await
            .unwrap();
        assert_eq!(
            code(client.delete(&key, DeleteOptions::default()).await),
            100
        );
        set(&client, "/k", "x").await;
        let gone = client.delete(&key, DeleteOptions::default()).await.unwrap();
        assert_eq!(gone.action, "delete");
        assert_eq!(gone.prev_node.unwrap().value, "x");
        assert_eq!(gone.node.value, "");
    }
}

#[tokio::test]
async fn files_in_order_are_named_by_their_index() {
    for launch in kinds() {
        let (_server, client) = start(launch).await;
        let queue = Key::from("/q");
        for value in ["first", "second", "third"] {
            let ttl = (value == "third").then_some(300);
            let event = client
                .create_in_order(&queue, value.as_bytes(), ttl)
                .await
                .unwrap();
            assert_eq!(event.action, "create");
            assert_eq!(
                event.node.key,
                format!("/q/{:020}", event.node.created_index)
            );
            assert_eq!(event.node.ttl > 0, ttl.is_some());
        }
        let sorted = GetOptions {
            sorted: true,
            ..GetOptions::default()
        };
        let listed = client.get(&queue, sorted).await.unwrap();
        let values: Vec<_> = listed.node.nodes.iter().map(|node| &node.value).collect();
        assert_eq!(values, ["first", "second", "third"]);
        set(&client, "/file", "x").await;
        let below = client
            .create_in_order(&Key::from("/file"), b"x", None)
            .await;
        assert_eq!(code(below), 104);
    }
}

/// A text of any characters, those that need an escape in a URL, a form or JSON more often than others.
fn text(rng: &mut Rng, awkward: &[char]) -> String {
    let length = rng.between(1, 30);
    let mut character = || match rng.below(3) {
        0 => rng.choose(awkward),
        1 => char::from(rng.between(0x20, 0x7e) as u8),
        _ => loop {
            if let Some(found) = char::from_u32(rng.below(0x11_0000) as u32) {
                break found;
            }
        },
    };
    (0..length).map(|_| character()).collect()
}

#[tokio::test]
async fn any_text_comes_back_as_it_was_sent() {
    const AWKWARD: [char; 24] = [
        ' ',
        '+',
        '%',
        '&',
        '=',
        ';',
        '?',
        '#',
        '"',
        '\'',
        '\\',
        '<',
        '>',
        '\n',
        '\r',
        '\t',
        '\0',
        '\u{7f}',
        '\u{e9}',
        '\u{fffd}',
        '\u{2028}',
        '\u{1f980}',
        ':',
        '@',
    ];
    let seed = seed::from_env("CLIENT_SEED");
    println!("replay: CLIENT_SEED={seed} cargo test --test client any_text_comes_back");
    for launch in kinds() {
        let mut rng = Rng::new(seed);
        let (_server, client) = start(launch).await;
        for _ in 0..200 {
            // A name is one element, it is neither hidden nor a step in the tree.
            let name = format!("n{}", text(&mut rng, &AWKWARD).replace('/', "|"));
            let value = text(&mut rng, &AWKWARD);
            let key = Key::from(format!("/any/{name}").as_str());
            let put = client
                .put(&key, value.as_bytes(), PutOptions::default())
                .await;
            let put = put.unwrap_or_else(|error| panic!("{name:?} {value:?}: {error}"));
            assert_eq!(
                (&put.node.key, &put.node.value),
                (&format!("/any/{name}"), &value)
            );
            let got = client.get(&key, GetOptions::default()).await.unwrap();
            assert_eq!(got.node, put.node);
            let swap = PutOptions {
                prev_value: Some(value.clone().into_bytes()),
                ..PutOptions::default()
            };
            let swapped = client.put(&key, b"", swap).await.unwrap();
            assert_eq!(swapped.prev_node.unwrap().value, value);
        }
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_name_a_key_and_are_shown_with_replacements() {
    for launch in kinds() {
        let (_server, client) = start(launch).await;
        let (one, other) = (Key::new(b"/x\xff\x01"), Key::new(b"/x\xfe\x01"));
        client
            .put(&one, b"one", PutOptions::default())
            .await
            .unwrap();
        client
            .put(&other, b"\xc3(", PutOptions::default())
            .await
            .unwrap();
        let got = client.get(&one, GetOptions::default()).await.unwrap().node;
        assert_eq!(
            (got.key.as_str(), got.value.as_str()),
            ("/x\u{fffd}\u{1}", "one")
        );
        let got = client
            .get(&other, GetOptions::default())
            .await
            .unwrap()
            .node;
        assert_eq!(got.value, "\u{fffd}(");
        // The server compares the bytes that were stored, not those it shows.
        let compare = |value: &[u8]| DeleteOptions {
            prev_value: Some(value.to_vec()),
            ..DeleteOptions::default()
        };
        let shown = "\u{fffd}(".as_bytes();
        assert_eq!(code(client.delete(&other, compare(shown)).await), 101);
        client.delete(&other, compare(b"\xc3(")).await.unwrap();
    }
}

#[tokio::test]
async fn a_large_value_and_a_deep_tree_come_back_whole() {
    const DEPTH: usize = 128;
    for launch in kinds() {
        let (_server, client) = start(launch).await;
        let value = "0123456789abcdef".repeat(1 << 16);
        set(&client, "/large", &value).await;
        let got = client
            .get(&Key::from("/large"), GetOptions::default())
            .await;
        assert_eq!(got.unwrap().node.value, value);
        let path = "/d".repeat(DEPTH);
        set(&client, &path, "leaf").await;
        let all = GetOptions {
            recursive: true,
            ..GetOptions::default()
        };
        let mut node = client.get(&Key::from("/d"), all).await.unwrap().node;
        let mut depth = 1;
        while let Some(child) = node.nodes.pop() {
            node = child;
            depth += 1;
        }
        assert_eq!(
            (depth, node.key, node.value.as_str()),
            (DEPTH, path, "leaf")
        );
    }
}

#[tokio::test]
async fn a_watch_sees_every_kind_of_change() {
    for launch in kinds() {
        let (_server, client) = start(launch).await;
        let start = client
            .get(&Key::from("/"), GetOptions::default())
            .await
            .unwrap();
        let key = Key::from("/w/k");
        set(&client, "/w/k", "1").await;
        let condition = |value: &str| PutOptions {
            prev_value: Some(value.into()),
            ..PutOptions::default()
        };
        client.put(&key, b"2", condition("1")).await.unwrap();
        let update = PutOptions {
            prev_exist: Some(true),
            ..PutOptions::default()
        };
        client.put(&key, b"3", update).await.unwrap();
        client.delete(&key, DeleteOptions::default()).await.unwrap();
        let create = PutOptions {
            prev_exist: Some(false),
            ttl: Some(1),
            ..PutOptions::default()
        };
        client.put(&key, b"4", create).await.unwrap();
        let options = WatchOptions {
            recursive: true,
            after_index: Some(start.etcd_index),
            reconnect: false,
        };
        let mut watcher = client.watch(Key::from("/w"), options);
        let mut actions = Vec::new();
        for _ in 0..6 {
            let event = soon(watcher.next()).await.unwrap();
            assert_eq!(event.node.key, "/w/k");
            actions.push(event.action);
        }
        // The last one is not in history when it is asked for: the poll waits for it.
        let wanted = [
            "set",
            "compareAndSwap",
            "update",
            "delete",
            "create",
            "expire",
        ];
        assert_eq!(actions, wanted);
        let nothing = within(Some(Duration::from_millis(50)), watcher.next()).await;
        assert!(
            matches!(nothing, Err(Error::DeadlineExceeded)),
            "{nothing:?}"
        );
        set(&client, "/w/k", "after the drop").await;
        let event = soon(watcher.next()).await.unwrap();
        assert_eq!(event.node.value, "after the drop");
    }
}
