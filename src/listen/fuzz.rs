//! What looks at a connection before the library does, under mutated bytes: heads and chunked bodies, in pieces of
//! any length.

use fuzz::Campaign;

use super::chunked::{Chunked, Progress};
use super::head::{BodyFraming, Head};

const HEADS: [&[u8]; 4] = [
    b"GET /v2/keys/a%23?wait=true HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\r\nPUT /v2/keys/a#1<\"`>?value=\xff HTTP/1.1\r\nX: #\"<\r\n\r\nbody",
    b"OPTIONS * HTTP/1.1\r\n\r\nGET http://host/v2/keys HTTP/1.0\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\n\r\n",
];

/// What goes on of these bytes when they come `step` at a time, and whether a whole request has passed. The framings
/// that the library would find are taken in turn.
fn through(bytes: &[u8], step: usize) -> (Vec<u8>, bool) {
    const FRAMINGS: [BodyFraming; 3] = [
        BodyFraming::Length(4),
        BodyFraming::Chunked,
        BodyFraming::Length(0),
    ];
    let (mut head, mut out, mut turn) = (Head::new(), Vec::new(), 0);
    for piece in bytes.chunks(step) {
        let mut rest = piece;
        let mut waiting = false;
        while !rest.is_empty() {
            let taken = head.rewrite(rest, &mut out);
            assert!(taken > 0 || !waiting, "nothing goes on");
            rest = &rest[taken..];
            waiting = !rest.is_empty();
            if waiting {
                head.framed(FRAMINGS[turn % FRAMINGS.len()]);
                turn += 1;
            }
        }
    }
    (out, head.is_between())
}

#[test]
fn heads() {
    let many = [
        b"GET / HTTP/1.1\r\n".to_vec(),
        b"A: b\r\n".repeat(90),
        b"Host: x\r\n\r\n".to_vec(),
    ];
    Campaign::new("http head")
        .corpus(HEADS.map(<[u8]>::to_vec))
        .corpus([many.concat()])
        .words(&[
            b"\r\n",
            b"\n",
            b" ",
            b"/",
            b"#",
            b"Host:",
            b"A: b\r\n",
            b"0\r\n\r\n",
        ])
        .memory(64 << 10, 64)
        .run(|bytes| {
            let whole = through(bytes, bytes.len().max(1));
            for step in [1, 3, 64] {
                assert_eq!(through(bytes, step), whole, "{step} at a time");
            }
            true
        });
}

#[test]
fn chunked_bodies() {
    Campaign::new("http chunked body")
        .corpus([
            b"3\r\nabc\r\n0\r\n\r\nGET".to_vec(),
            b"000B ;a=\"b\"\r\nhello world\r\n0\t\r\nX: y\r\nZ:\r\n\r\n".to_vec(),
        ])
        .words(&[
            b"\r\n",
            b"0\r\n\r\n",
            b"ffffffffffffffff",
            b"10000000000000000",
            b";",
            b" ",
        ])
        .memory(4 << 10, 0)
        .run(|bytes| {
            let whole = Chunked::new().pass(bytes);
            let mut body = Chunked::new();
            let mut parts = Progress::Within;
            for (at, byte) in bytes.iter().enumerate() {
                match body.pass(std::slice::from_ref(byte)) {
                    Progress::Within => {}
                    Progress::Ended(more) => parts = Progress::Ended(at + more),
                    Progress::Invalid => parts = Progress::Invalid,
                }
                if parts != Progress::Within {
                    break;
                }
            }
            assert_eq!(parts, whole);
            matches!(whole, Progress::Ended(end) if end <= bytes.len())
        });
}
