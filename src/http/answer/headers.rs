//! Answers: status, headers in the order of the original, and a body. No answer is built anywhere else.
//!
//! The header map of the request becomes that of the answer, and the connection takes it back after sending: in the
//! steady state no map is allocated.

use bytes::Bytes;
use hyper::header::{
    ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::http::response::Parts;
use hyper::{HeaderMap, Response, StatusCode};

use super::body::Body;
use super::error::ApiError;
use crate::json::number;
use crate::service::MemberPosition;

const CLUSTER_ID: HeaderName = HeaderName::from_static("x-etcd-cluster-id");
pub(crate) const ETCD_INDEX: HeaderName = HeaderName::from_static("x-etcd-index");
pub(crate) const RAFT_INDEX: HeaderName = HeaderName::from_static("x-raft-index");
const RAFT_TERM: HeaderName = HeaderName::from_static("x-raft-term");

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// The three figures of a position as header values, cut from one buffer.
pub(crate) struct PositionValues([HeaderValue; 3]);

/// An answer in the making.
#[derive(Debug)]
pub(crate) struct Reply {
    headers: HeaderMap,
}

impl Reply {
    /// Starts from the map of the request, whose headers go.
    pub(crate) fn new(mut recycled: HeaderMap) -> Self {
        recycled.clear();
        Self { headers: recycled }
    }

    /// For headers that every answer carries (CORS).
    pub(crate) fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// Nothing but a status.
    pub(crate) fn empty(self, status: StatusCode) -> Response<Body> {
        self.finish(status, Body::empty())
    }

    /// Plain text, as it is.
    pub(crate) fn text(mut self, status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
        self.headers.insert(CONTENT_TYPE, TEXT);
        self.finish(status, Body::full(text.into()))
    }

    /// Plain text that reports an error: a newline ends it, and browsers must not guess its type.
    pub(crate) fn text_error(mut self, status: StatusCode, text: &str) -> Response<Body> {
        self.headers.insert(CONTENT_TYPE, TEXT);
        self.headers
            .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        self.finish(status, Body::full(format!("{text}\n").into()))
    }

    /// 404 for a path that is none of ours.
    pub(crate) fn not_found(self) -> Response<Body> {
        self.text_error(StatusCode::NOT_FOUND, "404 page not found")
    }

    /// 405; `allow` lists what would do, without blanks, as the original does.
    pub(crate) fn method_not_allowed(mut self, allow: Option<&'static str>) -> Response<Body> {
        if let Some(allow) = allow {
            self.headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        self.text_error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
    }

    /// 400 for a request that never reaches the API; the connection ends with it.
    pub(crate) fn bad_request(self) -> Response<Body> {
        self.closing()
            .text(StatusCode::BAD_REQUEST, "400 Bad Request")
    }

    /// Ends the connection with this answer.
    pub(crate) fn closing(mut self) -> Self {
        self.headers
            .insert(CONNECTION, HeaderValue::from_static("close"));
        self
    }

    /// 301 or 307. Only a GET gets a page, and only GET and HEAD its type; HEAD gets no length.
    pub(crate) fn redirect(
        mut self,
        status: StatusCode,
        location: &str,
        get: bool,
        head: bool,
    ) -> Response<Body> {
        if get || head {
            self.headers.insert(CONTENT_TYPE, HTML);
        }
        let Ok(value) = HeaderValue::from_str(location) else {
            return self.bad_request();
        };
        self.headers.insert(LOCATION, value);
        if !get {
            return self.finish(status, Body::empty());
        }
        let reason = status.canonical_reason().unwrap_or_default();
        let page = format!(
            "<a href=\"{}\">{reason}</a>.\n\n",
            escaped_for_html(location)
        );
        self.finish(status, Body::full(page.into()))
    }

    /// JSON outside the keys API.
    pub(crate) fn json(mut self, status: StatusCode, json: Vec<u8>) -> Response<Body> {
        self.headers.insert(CONTENT_TYPE, JSON);
        self.finish(status, Body::full(json.into()))
    }

    /// As [`Self::json`], with the id of the cluster (keys-api 10.4).
    pub(crate) fn cluster_json(
        mut self,
        status: StatusCode,
        json: Vec<u8>,
        cluster: &HeaderValue,
    ) -> Response<Body> {
        self.headers.insert(CONTENT_TYPE, JSON);
        self.headers.insert(CLUSTER_ID, cluster.clone());
        self.finish(status, Body::full(json.into()))
    }

    /// Nothing but the id of the cluster.
    pub(crate) fn cluster_empty(
        mut self,
        status: StatusCode,
        cluster: &HeaderValue,
    ) -> Response<Body> {
        self.headers.insert(CLUSTER_ID, cluster.clone());
        self.empty(status)
    }

    /// 405 below `/v2/members`, where a change names no member: with the id of the cluster, and no list.
    pub(crate) fn member_missing(mut self, cluster: &HeaderValue) -> Response<Body> {
        self.headers.insert(CLUSTER_ID, cluster.clone());
        self.method_not_allowed(None)
    }

    /// Text of another type, such as metrics.
    pub(crate) fn typed(mut self, content_type: &'static str, text: String) -> Response<Body> {
        self.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.finish(StatusCode::OK, Body::full(text.into()))
    }

    /// An error of the keys API: the index of the error, and no `X-Raft-*` (keys-api 2.1).
    pub(crate) fn error(mut self, error: &ApiError, cluster: &HeaderValue) -> Response<Body> {
        self.headers.insert(CONTENT_TYPE, JSON);
        self.headers.insert(CLUSTER_ID, cluster.clone());
        self.headers
            .insert(ETCD_INDEX, HeaderValue::from(error.index));
        self.finish(error.code.status(), Body::full(error.body().into()))
    }

    /// A success of the keys API whose body is at hand. The position is appended to the buffer for a moment, so that
    /// body and header values share its one allocation.
    pub(crate) fn keys(
        self,
        status: StatusCode,
        mut body: Vec<u8>,
        position: MemberPosition,
        cluster: &HeaderValue,
    ) -> Response<Body> {
        let length = body.len();
        let ends = append_position(&mut body, position);
        let mut body = Bytes::from(body);
        let values = cut_position(body.split_off(length), ends);
        self.keys_body(status, Body::full(body), values, cluster)
    }

    /// A success of the keys API with any body.
    pub(crate) fn keys_body(
        mut self,
        status: StatusCode,
        body: Body,
        PositionValues([revision, index, term]): PositionValues,
        cluster: &HeaderValue,
    ) -> Response<Body> {
        self.headers.insert(CONTENT_TYPE, JSON);
        self.headers.insert(CLUSTER_ID, cluster.clone());
        self.headers.insert(ETCD_INDEX, revision);
        self.headers.insert(RAFT_INDEX, index);
        self.headers.insert(RAFT_TERM, term);
        self.finish(status, body)
    }

    /// What another member answered, with those of its headers that clients know.
    pub(crate) fn relayed(mut self, head: &Parts, body: Body) -> Response<Body> {
        let names = [
            CONTENT_TYPE,
            CLUSTER_ID,
            ETCD_INDEX,
            RAFT_INDEX,
            RAFT_TERM,
            CONTENT_LENGTH,
        ];
        for name in names {
            if let Some(value) = head.headers.get(&name) {
                self.headers.insert(name, value.clone());
            }
        }
        self.finish(head.status, body)
    }

    fn finish(self, status: StatusCode, body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = self.headers;
        response
    }
}

impl From<MemberPosition> for PositionValues {
    fn from(position: MemberPosition) -> Self {
        let mut digits = Vec::with_capacity(60);
        let ends = append_position(&mut digits, position);
        cut_position(digits.into(), ends)
    }
}

/// The id of a cluster as its header shows it: hexadecimal, not padded.
pub(crate) fn cluster_value(id: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("{id:x}")).expect("hexadecimal digits are valid in a header")
}

/// Appends the three numbers without separators, and returns where the first two end, counted from the start of them.
fn append_position(out: &mut Vec<u8>, position: MemberPosition) -> [usize; 2] {
    let start = out.len();
    number(out, position.revision);
    let first = out.len() - start;
    number(out, position.raft_index);
    let second = out.len() - start;
    number(out, position.raft_term);
    [first, second]
}

fn cut_position(mut digits: Bytes, [first, second]: [usize; 2]) -> PositionValues {
    let term = digits.split_off(second);
    let index = digits.split_off(first);
    let value =
        |digits| HeaderValue::from_maybe_shared(digits).expect("digits are valid in a header");
    PositionValues([value(digits), value(index), value(term)])
}

fn escaped_for_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::answer::error::Code;

    fn names_and_values(response: &Response<Body>) -> Vec<(String, String)> {
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_success_carries_the_position() {
        let position = MemberPosition {
            revision: 4,
            raft_index: 15,
            raft_term: u64::MAX,
        };
        let mut recycled = HeaderMap::new();
        recycled.insert("host", HeaderValue::from_static("gone"));
        let reply = Reply::new(recycled);
        let response = reply.keys(
            StatusCode::CREATED,
            b"{}\n".to_vec(),
            position,
            &cluster_value(0xab),
        );
        let expected = pairs(&[
            ("content-type", "application/json"),
            ("x-etcd-cluster-id", "ab"),
            ("x-etcd-index", "4"),
            ("x-raft-index", "15"),
            ("x-raft-term", "18446744073709551615"),
        ]);
        assert_eq!(names_and_values(&response), expected);
        assert_eq!(response.into_body().bytes().as_deref(), Some(&b"{}\n"[..]));
    }

    #[test]
    fn an_error_carries_its_index_alone() {
        let error = ApiError {
            code: Code::KeyNotFound,
            cause: b"/a".to_vec(),
            index: 7,
        };
        let response = Reply::new(HeaderMap::new()).error(&error, &cluster_value(1));
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        let expected = pairs(&[
            ("content-type", "application/json"),
            ("x-etcd-cluster-id", "1"),
            ("x-etcd-index", "7"),
        ]);
        assert_eq!(names_and_values(&response), expected);
    }

    #[test]
    fn redirects_escape_their_page() {
        let reply = || Reply::new(HeaderMap::new());
        let moved = StatusCode::MOVED_PERMANENTLY;
        let page = reply().redirect(moved, "/a?b='c'&d", true, false);
        assert_eq!(page.headers()[LOCATION], "/a?b='c'&d");
        assert_eq!(
            page.into_body().bytes().as_deref(),
            Some(&b"<a href=\"/a?b=&#39;c&#39;&amp;d\">Moved Permanently</a>.\n\n"[..])
        );
        let head = reply().redirect(moved, "/a", false, true);
        assert_eq!(head.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        let put = reply().redirect(moved, "/a", false, false);
        assert!(!put.headers().contains_key(CONTENT_TYPE));
        assert_eq!(put.into_body().bytes(), None);
    }

    #[test]
    fn text_errors_are_not_sniffed() {
        let response = Reply::new(HeaderMap::new()).method_not_allowed(Some("GET,HEAD"));
        let expected = pairs(&[
            ("allow", "GET,HEAD"),
            ("content-type", "text/plain; charset=utf-8"),
            ("x-content-type-options", "nosniff"),
        ]);
        assert_eq!(names_and_values(&response), expected);
    }
}
