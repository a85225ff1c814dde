//! Rules of HTTP/1 that the library leaves to its user: that a request is for one host, and that its body is framed in one
//! way. A proxy in front that reads these headers differently would let one client speak for another.

use hyper::header::{HOST, TRANSFER_ENCODING};
use hyper::{HeaderMap, Response, StatusCode, Version};

use super::body::Body;
use super::headers::Reply;

/// Why a request is refused before it is looked at; the texts are the original's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// More than one host.
    TwoHosts,
    NoHost,
    MalformedHost,
    /// A transfer coding beside `chunked`.
    Coding,
}

impl Fault {
    /// The connection ends with it: what follows could be anything.
    pub(super) fn answer(self, reply: Reply) -> Response<Body> {
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

/// What is wrong with the header of a request, if anything is.
pub(super) fn fault(version: Version, headers: &HeaderMap) -> Option<Fault> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (_, Some(_)) => return Some(Fault::TwoHosts),
        (host, None) => host,
    };
    match host {
        None if version == Version::HTTP_11 => return Some(Fault::NoHost),
        Some(host) if !host.as_bytes().iter().all(is_host_byte) => {
            return Some(Fault::MalformedHost);
        }
        _ => {}
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => None,
        (Some(one), None) if one.as_bytes().eq_ignore_ascii_case(b"chunked") => None,
        _ => Some(Fault::Coding),
    }
}

/// The bytes of a name, an address and a port, as the original takes them.
fn is_host_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!$%&'()*+,-.:;=[]_~".contains(byte)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn judged(version: Version, lines: &[(&'static str, &'static [u8])]) -> Option<Fault> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        fault(version, &headers)
    }

    #[test]
    fn one_host_is_named() {
        let new = |lines: &[_]| judged(Version::HTTP_11, lines);
        assert_eq!(new(&[("host", b"a.example:2379")]), None);
        assert_eq!(new(&[("host", b"[::1]:2379")]), None);
        assert_eq!(new(&[("host", b"")]), None);
        assert_eq!(new(&[]), Some(Fault::NoHost));
        assert_eq!(judged(Version::HTTP_10, &[]), None);
        let two: [(_, &[u8]); 2] = [("host", b"a"), ("host", b"a")];
        assert_eq!(new(&two), Some(Fault::TwoHosts));
        assert_eq!(judged(Version::HTTP_10, &two), Some(Fault::TwoHosts));
        for host in [&b"a b"[..], b"a/b", b"u@h", b"a<", b"\xd0\xba"] {
            assert_eq!(
                new(&[("host", host)]),
                Some(Fault::MalformedHost),
                "{host:?}"
            );
        }
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
            assert_eq!(of(codings), Some(Fault::Coding), "{codings:?}");
        }
    }
}
