//! What the HTTP layer itself does: versions, pipelining, framing of requests, limits, connections.

use super::op::Op;
use super::pair::{Answers, Difference, Pair};
use crate::support::http::{Framing, Request};
use crate::support::json::Raw;

/// A form body may have this many bytes (keys-api 1.2).
const FORM_BYTES: usize = 10_485_760;

/// Requests that only raw bytes can express.
///
/// # Errors
/// The first difference.
pub(crate) fn requests(pair: &mut Pair) -> Result<(), Difference> {
    for bytes in [
        "PUT /v2/keys/tp/a HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\nvalue=1",
        "GET /v2/keys/tp/a HTTP/1.0\r\n\r\n",
        "GET /v2/keys/tp/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "GET /v2/keys/tp/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET http://x/v2/keys/tp/a?sorted=true HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /v2/keys/tp/a HTTP/1.1\r\nhost: x\r\nx-unknown:  spaced \r\n\r\n",
        "PUT /v2/keys/tp/b HTTP/1.1\r\nHost: x\r\ncontent-type:application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nvalu\r\n3\r\ne=2\r\n0\r\n\r\n",
        "PUT /v2/keys/tp/c HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nExpect: 100-continue\r\nContent-Length: 7\r\n\r\nvalue=3",
        "PUT /v2/keys/tp/c HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n\r\n",
        "PUT /v2/keys/tp/c?value=none HTTP/1.1\r\nHost: x\r\n\r\n",
        "DELETE /v2/keys/tp/c HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody",
        "OPTIONS /v2/keys/tp/a HTTP/1.0\r\n\r\n",
    ] {
        pair.exchange_raw(
            bytes.as_bytes(),
            &bytes.split(' ').take(1).collect::<Vec<_>>(),
        )?;
    }
    // Raw bytes of a value: a line end and bytes that are not UTF-8 are kept.
    let mut raw = b"PUT /v2/keys/tp/raw HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 12\r\n\r\n".to_vec();
    raw.extend_from_slice(b"value=\n\xff\x01\xc3\xbc\x80");
    pair.exchange_raw(&raw, &["PUT"])?;
    let pipelined = "GET /v2/keys/tp/a HTTP/1.1\r\nHost: x\r\n\r\nHEAD /v2/keys/tp/a HTTP/1.1\r\nHost: x\r\n\r\nDELETE /v2/keys/tp/b HTTP/1.1\r\nHost: x\r\n\r\nGET /v2/keys/tp/b HTTP/1.1\r\nHost: x\r\n\r\n";
    pair.exchange_raw(pipelined.as_bytes(), &["GET", "HEAD", "DELETE", "GET"])?;
    // A poll over HTTP/1.0 ends with the connection.
    let old_poll = format!(
        "GET /v2/keys/tp/a?wait=true&waitIndex={} HTTP/1.0\r\n\r\n",
        1
    );
    pair.exchange_raw(old_poll.as_bytes(), &["GET"])?;
    pair.exchange(&Op::line("DELETE /v2/keys/tp?recursive=true"))?;
    Ok(())
}

/// Bodies at the limit of a form, and a key of 1,000 bytes.
///
/// # Errors
/// The first difference.
pub(crate) fn sizes(pair: &mut Pair) -> Result<(), Difference> {
    let long = "k".repeat(1000);
    pair.exchange(&Op::line(&format!("PUT /v2/keys/{long} value=1")))?;
    pair.exchange(&Op::line(&format!("DELETE /v2/keys/{long}")))?;
    let deep = "/d".repeat(128);
    pair.exchange(&Op::line(&format!("PUT /v2/keys{deep} value=1")))?;
    pair.exchange(&Op::line("DELETE /v2/keys/d?recursive=true"))?;
    let value = "v".repeat(1 << 20);
    pair.exchange(&Op::line(&format!("PUT /v2/keys/big value={value}")))?;
    pair.exchange(&Op::line("GET /v2/keys/big"))?;
    pair.exchange(&Op::line("DELETE /v2/keys/big"))?;
    // Exactly the limit is read (the value is small: the rest is an unknown name); one byte more is not.
    for (extra, status) in [(0, 201), (1, 400)] {
        let mut form = b"value=1&unknown=".to_vec();
        form.resize(FORM_BYTES + extra, b'x');
        for chunk_bytes in [None, Some(1 << 20)] {
            let mut request = Request::put("/v2/keys/limit", "");
            request.body.clone_from(&form);
            request.chunk_bytes = chunk_bytes;
            let answers = pair.exchange(&Op::new(request))?;
            if answers[1].status() / 100 != status / 100 {
                return Err(Difference::Answer(format!(
                    "the reference's limit moved: {}",
                    answers[1].text()
                )));
            }
        }
    }
    pair.exchange(&Op::line("DELETE /v2/keys/limit")).map(drop)
}

/// Endpoints whose values belong to each server: head, member names and their order, the last newline are equal.
///
/// # Errors
/// The first difference.
pub(crate) fn shapes(pair: &mut Pair) -> Result<(), Difference> {
    for target in [
        "/v2/members",
        "/v2/members/leader",
        "/v2/stats/store",
        "/v2/stats/self",
        "/v2/stats/leader",
        "/v2/machines",
    ] {
        let op = Op::new(Request::get(target));
        let answers: Answers = pair
            .sides
            .each_ref()
            .map(|side| side.server.exchange(&op.request));
        let mut found = pair.compare_heads(&answers);
        let shapes = answers.each_ref().map(|answer| shape(&answer.body));
        if shapes[0] != shapes[1] {
            found.push(format!("shapes: {:?} / {:?}", shapes[0], shapes[1]));
        }
        if answers
            .iter()
            .any(|answer| !matches!(answer.head.framing, Framing::Length(_)))
        {
            found.push("no Content-Length".to_owned());
        }
        if !found.is_empty() {
            let received = answers.each_ref().map(|answer| answer.dump());
            return Err(pair.difference(&op, received, &found));
        }
    }
    Ok(())
}

/// Member names and kinds of values; of a text, only how it ends.
fn shape(body: &[u8]) -> String {
    fn names(value: &Raw, out: &mut String) {
        match value {
            Raw::Object(members) => {
                for (name, value) in members {
                    out.push_str(name);
                    out.push('{');
                    names(value, out);
                    out.push('}');
                }
            }
            Raw::Array(elements) => elements.iter().for_each(|element| names(element, out)),
            Raw::Text(_) => out.push('s'),
            Raw::Word(_) => out.push('w'),
        }
    }
    let line = body.strip_suffix(b"\n");
    let mut out = format!("newline {}: ", line.is_some());
    match Raw::parse(line.unwrap_or(body)) {
        Ok(value) => names(&value, &mut out),
        Err(_) => out.push_str("text"),
    }
    out
}
