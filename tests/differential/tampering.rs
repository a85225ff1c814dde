//! The comparison must see every kind of difference: one true pair of answers, and what becomes of it after each of
//! many small changes.

use super::{Origin, responses};
use crate::known::Met;
use crate::moment;
use crate::op::Op;
use crate::support::http::Response;
use crate::support::server::Kind;

const OURS_BASE: u64 = 2;
const THEIRS_BASE: u64 = 3;

/// A listing as a server answers it whose first index is `base`; `@7` is the seventh after it.
const LISTING: &str = "HTTP/1.1 200 OK\r\n\
    Access-Control-Allow-Origin: *\r\n\
    Content-Type: application/json\r\n\
    X-Etcd-Cluster-Id: 6c3e73ee238ab33f\r\n\
    X-Etcd-Index: @9\r\n\
    X-Raft-Index: 25\r\n\
    X-Raft-Term: 2\r\n\
    Date: @DATE\r\n\
    Content-Length: 1\r\n\
    \r\n\
    {\"action\":\"get\",\"node\":{\"key\":\"/q\",\"dir\":true,\"nodes\":[\
    {\"key\":\"/q/@k7\",\"value\":\"a\\u003c\",\"modifiedIndex\":@8,\"createdIndex\":@7},\
    {\"key\":\"/q/b\",\"value\":\"\",\"expiration\":\"@TIME\",\"ttl\":5000,\"modifiedIndex\":@9,\"createdIndex\":@9}\
    ],\"modifiedIndex\":@7,\"createdIndex\":@7}}\n";

const REFUSAL: &str = "HTTP/1.1 412 Precondition Failed\r\n\
    Content-Type: application/json\r\n\
    X-Etcd-Cluster-Id: 6c3e73ee238ab33f\r\n\
    X-Etcd-Index: @9\r\n\
    Date: @DATE\r\n\
    Content-Length: 1\r\n\
    \r\n\
    {\"errorCode\":101,\"message\":\"Compare failed\",\"cause\":\"[q != v3] [1 != @7]\",\"index\":@9}\n";

fn origin(kind: Kind, base: u64) -> Origin {
    Origin {
        kind,
        base,
        cluster_id: None,
        raft: (20, 2),
        started: moment::now(),
        sent: moment::now(),
    }
}

fn render(template: &str, base: u64) -> String {
    let mut text = template.to_owned();
    for number in 0..10 {
        text = text.replace(&format!("@k{number}"), &format!("{:020}", base + number));
        text = text.replace(&format!("@{number}"), &(base + number).to_string());
    }
    let now = moment::now();
    text.replace("@DATE", &moment::format_date(now))
        .replace("@TIME", &moment::format_expiration(now + 4_999_500_000_000))
}

fn differences(op: &Op, ours: &str, theirs: &str) -> Vec<String> {
    let parse = |text: &str| Response::parse(text.as_bytes(), "GET").expect("a response");
    let mut left = origin(Kind::Ours, OURS_BASE);
    let mut right = origin(Kind::Debian, THEIRS_BASE);
    let answers = [&parse(ours), &parse(theirs)];
    responses(op, [&mut left, &mut right], answers, &mut Met::default())
}

#[test]
fn equal_answers_with_shifted_indexes_are_equal() {
    let op = Op::line("GET /v2/keys/q?sorted=true");
    let found = differences(
        &op,
        &render(LISTING, OURS_BASE),
        &render(LISTING, THEIRS_BASE),
    );
    assert!(found.is_empty(), "{found:?}");
    let op = Op::line("PUT /v2/keys/q prevValue=q&prevIndex=1&value=x");
    let found = differences(
        &op,
        &render(REFUSAL, OURS_BASE),
        &render(REFUSAL, THEIRS_BASE),
    );
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn every_change_to_a_listing_is_a_difference() {
    let op = Op::line("GET /v2/keys/q?sorted=true");
    let theirs = render(LISTING, THEIRS_BASE);
    for (from, to) in [
        ("200 OK", "201 Created"),
        ("200 OK", "200 Fine"),
        ("HTTP/1.1", "HTTP/1.0"),
        ("Access-Control-Allow-Origin: *\r\n", ""),
        (
            "Content-Type: application/json",
            "content-type: application/json",
        ),
        (
            "Content-Type: application/json",
            "Content-Type: application/json; charset=utf-8",
        ),
        ("\r\nX-Raft-Term: 2", ""),
        ("X-Raft-Term: 2", "X-Raft-Term: 1"),
        ("X-Raft-Index: 25", "X-Raft-Index: 19"),
        ("X-Raft-Index: 25", "X-Raft-Index: many"),
        ("X-Etcd-Cluster-Id: 6c", "X-Etcd-Cluster-Id: 6C"),
        ("X-Etcd-Cluster-Id: 6c", "X-Etcd-Cluster-Id: 06"),
        ("X-Etcd-Index: @9", "X-Etcd-Index: @8"),
        ("X-Etcd-Index: @9", "X-Etcd-Index: 0"),
        ("Date: @DATE\r\n", ""),
        ("Date: @DATE", "Date: Thu, 01 Jan 1970 00:00:00 GMT"),
        (
            "Content-Length: 1\r\n",
            "Content-Length: 1\r\nServer: x\r\n",
        ),
        (
            "Content-Length: 1\r\n",
            "Content-Length: 1\r\nConnection: close\r\n",
        ),
        ("]", ", ]"),
        (":true,", ": true,"),
        ("}}\n", "}}"),
        ("}}\n", "}}\n\n"),
        ("\\u003c", "<"),
        ("\\u003c", "\\u003C"),
        ("\"value\":\"\",", ""),
        ("\"dir\":true", "\"dir\":false"),
        ("\"modifiedIndex\":@8", "\"modifiedIndex\":@9"),
        ("\"createdIndex\":@7}", "\"createdIndex\":@8}"),
        (
            "\"modifiedIndex\":@9,\"createdIndex\":@9",
            "\"createdIndex\":@9,\"modifiedIndex\":@9",
        ),
        ("/q/@k7", "/q/@k8"),
        ("/q/@k7", "/q/@7"),
        ("\"ttl\":5000", "\"ttl\":4000"),
        ("\"ttl\":5000,", ""),
        ("@TIME", "2026-11-22 08:16:46"),
        ("\"action\":\"get\"", "\"action\":\"set\""),
    ] {
        let ours = LISTING.replace(from, to);
        assert_ne!(ours, LISTING, "{from:?} is not in the listing");
        let found = differences(&op, &render(&ours, OURS_BASE), &theirs);
        assert!(!found.is_empty(), "{from:?} -> {to:?} went unseen");
    }
}

#[test]
fn every_change_to_a_refusal_is_a_difference() {
    let op = Op::line("PUT /v2/keys/q prevValue=q&prevIndex=1&value=x");
    let theirs = render(REFUSAL, THEIRS_BASE);
    for (from, to) in [
        ("[1 != @7]", "[1 != @6]"),
        ("[1 != @7]", "[2 != @7]"),
        ("[q != v3]", "[q != v2]"),
        ("\"index\":@9", "\"index\":0"),
        ("\"index\":@9", "\"index\":@8"),
        ("\"errorCode\":101", "\"errorCode\":100"),
        ("Compare failed", "Test Failed"),
        ("Date:", "X-Raft-Index: 30\r\nDate:"),
    ] {
        let ours = REFUSAL.replace(from, to);
        assert_ne!(ours, REFUSAL, "{from:?} is not in the refusal");
        let found = differences(&op, &render(&ours, OURS_BASE), &theirs);
        assert!(!found.is_empty(), "{from:?} -> {to:?} went unseen");
    }
}

#[test]
fn the_order_of_an_unsorted_listing_is_free_on_the_reference_only() {
    let op = Op::line("GET /v2/keys/q");
    let swapped = |base: u64| {
        let text = render(LISTING, base);
        let (head, rest) = text.split_once('[').expect("the listing has nodes");
        let (first, rest) = rest.split_once(",{").expect("two of them");
        let (second, tail) = rest.split_once(']').expect("and an end");
        format!("{head}[{{{second},{first}]{tail}")
    };
    let found = differences(&op, &render(LISTING, OURS_BASE), &swapped(THEIRS_BASE));
    assert!(found.is_empty(), "{found:?}");
    let found = differences(&op, &swapped(OURS_BASE), &render(LISTING, THEIRS_BASE));
    assert!(!found.is_empty(), "ours must be sorted");
}
