//! Rules of HTTP/1 that the library leaves to its user: that a request is for one host, and that its body is framed in one
//! way. A proxy in front that reads these headers differently would let one client speak for another.

use hyper::header::{AUTHORIZATION, HOST, ORIGIN, TRANSFER_ENCODING};
use hyper::{HeaderMap, Response, StatusCode, Version};

use super::browser::SEC_FETCH_SITE;
use crate::http::answer::body::Body;
use crate::http::answer::headers::Reply;

/// Why a request is refused before it is looked at; the texts are the original's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PreambleFault {
    /// More than one host.
    TwoHosts,
    NoHost,
    MalformedHost,
    /// A transfer coding beside `chunked`.
    Coding,
}

impl PreambleFault {
    /// The connection ends with it: what follows could be anything.
    pub(crate) fn answer(self, reply: Reply) -> Response<Body> {
        let (status, text) = match self {
            Self::TwoHosts => (StatusCode::BAD_REQUEST, "400 Bad Request"),
            Self::NoHost => (
                StatusCode::BAD_REQUEST,
                "400 Bad Request: missing required Host header",
            ),
            Self::MalformedHost => (
                StatusCode::BAD_REQUEST,
                "400 Bad Request: malformed Host header",
            ),
            Self::Coding => (StatusCode::NOT_IMPLEMENTED, "Unsupported transfer encoding"),
        };
        reply.closing().text(status, text)
    }
}

/// Which headers a request has that are looked at for every request. One pass over them costs less than a look-up of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SeenHeaders {
    pub(crate) origin: bool,
    pub(crate) fetch_site: bool,
    pub(crate) authorization: bool,
}

/// What a header has, or what is wrong with it. `chunked` is whether the library found such a body: it refuses by itself
/// what names another coding last.
pub(crate) fn look(
    version: Version,
    headers: &HeaderMap,
    chunked: bool,
) -> Result<SeenHeaders, PreambleFault> {
    let mut seen = SeenHeaders::default();
    let mut host = None;
    for (name, value) in headers {
        if *name == HOST {
            if host.replace(value).is_some() {
                return Err(PreambleFault::TwoHosts);
            }
        } else if *name == ORIGIN {
            seen.origin = true;
        } else if *name == AUTHORIZATION {
            seen.authorization = true;
        } else if *name == SEC_FETCH_SITE {
            seen.fetch_site = true;
        }
    }
    match host {
        None if version == Version::HTTP_11 => return Err(PreambleFault::NoHost),
        Some(host)
            if !host
                .as_bytes()
                .iter()
                .all(|byte| HOST_BYTES[usize::from(*byte)]) =>
        {
            return Err(PreambleFault::MalformedHost);
        }
        _ => {}
    }
    if chunked && !is_only_chunked(headers) {
        return Err(PreambleFault::Coding);
    }
    Ok(seen)
}

fn is_only_chunked(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (Some(one), None) => one.as_bytes().eq_ignore_ascii_case(b"chunked"),
        _ => false,
    }
}

/// The bytes of a name, an address and a port, as the original takes them.
const HOST_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"!$%&'()*+,-.:;=[]_~";
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn judged(version: Version, lines: &[(&'static str, &'static [u8])]) -> Option<PreambleFault> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        let chunked = headers.contains_key(TRANSFER_ENCODING);
        look(version, &headers, chunked).err()
    }

    #[test]
    fn one_host_is_named() {
        let new = |lines: &[_]| judged(Version::HTTP_11, lines);
        assert_eq!(new(&[("host", b"a.example:2379")]), None);
        assert_eq!(new(&[("host", b"[::1]:2379")]), None);
        assert_eq!(new(&[("host", b"")]), None);
        assert_eq!(new(&[]), Some(PreambleFault::NoHost));
        assert_eq!(judged(Version::HTTP_10, &[]), None);
        let two: [(_, &[u8]); 2] = [("host", b"a"), ("host", b"a")];
        assert_eq!(new(&two), Some(PreambleFault::TwoHosts));
        assert_eq!(
            judged(Version::HTTP_10, &two),
            Some(PreambleFault::TwoHosts)
        );
        for host in [&b"a b"[..], b"a/b", b"u@h", b"a<", b"\xd0\xba"] {
            assert_eq!(
                new(&[("host", host)]),
                Some(PreambleFault::MalformedHost),
                "{host:?}"
            );
        }
    }

    #[test]
    fn what_is_looked_at_is_seen() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("h"));
        let seen = |headers: &HeaderMap| look(Version::HTTP_11, headers, false).unwrap();
        assert_eq!(seen(&headers), SeenHeaders::default());
        for name in ["origin", "authorization", "sec-fetch-site"] {
            headers.insert(name, HeaderValue::from_static("x"));
        }
        let SeenHeaders {
            origin,
            fetch_site,
            authorization,
        } = seen(&headers);
        assert!(origin && fetch_site && authorization);
    }

    #[test]
    fn chunked_is_the_only_coding() {
        let of = |codings: &[&'static [u8]]| {
            let mut lines: Vec<(_, &[u8])> = vec![("host", b"h")];
            lines.extend(codings.iter().map(|coding| ("transfer-encoding", *coding)));
            judged(Version::HTTP_11, &lines)
        };
        assert_eq!(of(&[b"Chunked"]), None);
        for codings in [
            &[&b"gzip, chunked"[..]][..],
            &[b"chunked", b"chunked"],
            &[b""],
        ] {
            assert_eq!(of(codings), Some(PreambleFault::Coding), "{codings:?}");
        }
    }
}
