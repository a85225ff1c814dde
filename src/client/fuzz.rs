//! What reads an answer, an endpoint or a proxy variable, under mutated bytes.

use std::cell::Cell;

use fuzz::Campaign;

use super::error::KeysError;
use super::proxy::Proxies;
use super::{Endpoint, Key, KeyEvent};

#[test]
fn answers_of_the_keys_api() {
    let get = br#"{"action":"get","node":{"key":"/d","dir":true,"nodes":[{"key":"/d/k","value":"v\u0000\ud800","modifiedIndex":3,"createdIndex":3,"expiration":"2026-11-22T05:47:05.5Z","ttl":5}],"modifiedIndex":2,"createdIndex":2}}"#;
    let set = br#"{"action":"set","node":{"key":"/k","value":"","modifiedIndex":9,"createdIndex":9},"prevNode":{"key":"/k","value":"old","modifiedIndex":3,"createdIndex":3}}"#;
    let deep = [
        br#"{"node":"#.to_vec(),
        br#"{"nodes":["#.repeat(40),
        b"{}".to_vec(),
        b"]}".repeat(40),
        b"}".to_vec(),
    ]
    .concat();
    Campaign::new("client event")
        .corpus([get.to_vec(), set.to_vec(), deep])
        .words(&[
            b"null",
            b"\"",
            b"{",
            b"[",
            b"{\"nodes\":[",
            b"\\ud800",
            b"1e999",
            b"-1",
            b"18446744073709551616",
            b"\"node\":",
            b"true",
        ])
        // A node of two bytes is some 200 in memory.
        .memory(256 << 10, 512)
        .run(|bytes| KeyEvent::parse(bytes).is_ok());
}

#[test]
fn nesting_is_counted_before_it_is_read() {
    for depth in [150, 250, 4_000, 30_000] {
        let deep = [
            br#"{"node":"#.to_vec(),
            br#"{"nodes":["#.repeat(depth),
            b"{}".to_vec(),
            b"]}".repeat(depth),
            b"}".to_vec(),
        ];
        assert_eq!(
            KeyEvent::parse(&deep.concat()).is_ok(),
            depth < 5_000,
            "{depth}"
        );
    }
}

#[test]
fn errors_of_the_server() {
    let error = br#"{"errorCode":101,"message":"Compare failed","cause":"[a != b]","index":7}"#;
    Campaign::new("client error")
        .corpus([error.to_vec()])
        .words(&[
            b"null",
            b"\"",
            b"{",
            b"[[[[",
            b"1e999",
            b"\"errorCode\":",
            b"\\u0000",
        ])
        .memory(64 << 10, 64)
        .run(|bytes| {
            serde_json::from_slice::<KeysError>(bytes)
                .is_ok_and(|error| !error.to_string().is_empty())
        });
}

#[test]
fn endpoints_and_keys() {
    let valid = [
        "http://127.0.0.1:2379",
        "https://[fe80::1%25eth0]:2379/prefix/",
        "user:p@ss@host.example",
        " etcd.example:65535 ",
    ];
    Campaign::new("client endpoint")
        .corpus(valid.map(|text| text.as_bytes().to_vec()))
        .words(&[
            b"://", b":", b"@", b"[", b"]", b"%25", b"/", b"?", b"65536", b",",
        ])
        .memory(64 << 10, 64)
        .run(|bytes| {
            let text = String::from_utf8_lossy(bytes);
            let _ = Endpoint::parse_list(&text);
            let Ok(endpoint) = Endpoint::parse(&text) else {
                return false;
            };
            let again = Endpoint::parse(&endpoint.to_string()).expect("what is shown is read");
            assert_eq!(again.to_string(), endpoint.to_string());
            assert_eq!(
                (again.host(), again.port()),
                (endpoint.host(), endpoint.port())
            );
            true
        });
    Campaign::new("client key")
        .corpus([b"/a//b/../c/".to_vec(), b"".to_vec()])
        .words(&[b"/", b"..", b".", b"%"])
        .memory(64 << 10, 64)
        .run(|bytes| {
            let key = Key::new(bytes);
            assert_eq!(Key::new(key.as_bytes()).as_bytes(), key.as_bytes());
            true
        });
}

#[test]
fn variables_that_name_proxies() {
    let endpoints = [
        "http://127.0.0.1:2379",
        "https://node.etcd.example:443",
        "http://[2001:db8::1]:1",
    ];
    let endpoints = endpoints.map(|text| Endpoint::parse(text).expect("an endpoint"));
    Campaign::new("client proxy")
        .corpus([
            b"http://name:p%40ss@proxy.example:3128/".to_vec(),
            b"*.example.com:80,10.0.0.0/8,[::1]:2379,.local,localhost".to_vec(),
        ])
        .words(&[
            b"://", b"@", b",", b"*", b"/33", b"/128", b"::", b"[", b"]", b".", b"%",
        ])
        .memory(64 << 10, 256)
        .run(|bytes| {
            let value = String::from_utf8_lossy(bytes).into_owned();
            let asked = Cell::new(0);
            let proxies = Proxies::read(|name| {
                asked.set(asked.get() + 1);
                (name != "REQUEST_METHOD").then(|| value.clone())
            });
            for endpoint in &endpoints {
                let _ = format!("{:?}", proxies.towards(endpoint));
            }
            asked.get() > 0
        });
}
