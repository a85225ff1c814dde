//! A request written once for two servers whose indexes differ: `{{i:5}}` stands for the sixth index after the fresh
//! server's own, `{{k:5}}` for the in-order key name made from it.

use crate::support::http::Request;

/// A request with index placeholders in its target and body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Op {
    /// The request before placeholders are filled in.
    pub(crate) request: Request,
}

impl Op {
    /// Wraps a request.
    pub(crate) fn new(request: Request) -> Op {
        Op { request }
    }

    /// Reads the one-line form of the case table: `[name: value | …] METHOD TARGET [BODY]`. A body is a form unless a
    /// `Content-Type` is among the headers; `Content-Type: none` sends it without one.
    ///
    /// # Panics
    /// When the line has no method and target: the tables are part of this program.
    pub(crate) fn line(line: &str) -> Op {
        let (headers, rest) = match line
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("] "))
        {
            Some((headers, rest)) => (headers, rest),
            None => ("", line),
        };
        let mut words = rest.splitn(3, ' ');
        let method = words.next().expect("a line starts with a method");
        let target = words.next().expect("a target follows the method");
        let body = words.next();
        let mut request = Request::new(method, target).body(body.unwrap_or_default());
        let mut typed = false;
        for header in headers.split(" | ").filter(|header| !header.is_empty()) {
            let (name, value) = header.split_once(": ").expect("a header has a value");
            typed |= name == "Content-Type";
            if (name, value) != ("Content-Type", "none") {
                request = request.header(name, value);
            }
        }
        if body.is_some() && !typed {
            request = request.header("Content-Type", "application/x-www-form-urlencoded");
        }
        Op::new(request)
    }

    /// The request for a server whose index was `base` when it was fresh.
    pub(crate) fn render(&self, base: u64) -> Request {
        let mut request = self.request.clone();
        request.target = fill(&request.target, base);
        request.body = fill(&request.body, base);
        request
    }

    /// Whether `text` occurs in the target or the body.
    pub(crate) fn mentions(&self, text: &str) -> bool {
        let has = |bytes: &[u8]| {
            bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        };
        has(&self.request.target) || has(&self.request.body)
    }

    /// Whether a listing must come in ascending order because the query asks for it.
    pub(crate) fn asks_sorted(&self) -> bool {
        let target = String::from_utf8_lossy(&self.request.target);
        let query = target.split_once('?').map_or("", |(_, query)| query);
        let first = query
            .split('&')
            .find_map(|piece| piece.strip_prefix("sorted="));
        first.is_some_and(|value| matches!(value, "1" | "t" | "T" | "TRUE" | "true" | "True"))
    }

    /// The raw path without the `/v2/keys` prefix and the query.
    pub(crate) fn key(&self) -> String {
        let target = String::from_utf8_lossy(&self.request.target).into_owned();
        let path = target.split('?').next().unwrap_or_default();
        path.strip_prefix("/v2/keys").unwrap_or(path).to_owned()
    }
}

/// The placeholder of an index.
pub(crate) fn index(relative: u64) -> String {
    format!("{{{{i:{relative}}}}}")
}

/// The placeholder of an in-order key name.
pub(crate) fn name(relative: u64) -> String {
    format!("{{{{k:{relative}}}}}")
}

fn fill(template: &[u8], base: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(template.len());
    let mut rest = template;
    while let Some((start, end)) = placeholder(rest) {
        out.extend_from_slice(&rest[..start]);
        let inner = String::from_utf8_lossy(&rest[start + 2..end - 2]);
        let (kind, number) = inner.split_once(':').expect("a placeholder has a colon");
        let number = base + number.parse::<u64>().expect("a placeholder has a number");
        let text = match kind {
            "i" => number.to_string(),
            "k" => format!("{number:020}"),
            other => panic!("no placeholder is called {other:?}"),
        };
        out.extend_from_slice(text.as_bytes());
        rest = &rest[end..];
    }
    out.extend_from_slice(rest);
    out
}

/// The first `{{…}}` of `bytes`, braces included.
fn placeholder(bytes: &[u8]) -> Option<(usize, usize)> {
    let start = bytes.windows(2).position(|pair| pair == b"{{")?;
    let length = bytes[start..].windows(2).position(|pair| pair == b"}}")?;
    Some((start, start + length + 2))
}

#[test]
fn placeholders_become_the_indexes_of_each_server() {
    let op =
        Op::line("PUT /v2/keys/q/{{k:3}}?prevIndex={{i:2}}&x={{i:0}} value=a&prevIndex={{i:1}}");
    let request = op.render(3);
    assert_eq!(
        request.target,
        b"/v2/keys/q/00000000000000000006?prevIndex=5&x=3"
    );
    assert_eq!(request.body, b"value=a&prevIndex=4");
    let op = Op::line("[Content-Type: none | Origin: a] POST /v2/keys/q a b");
    assert_eq!(op.request.headers, [("Origin".to_owned(), b"a".to_vec())]);
    assert_eq!(op.request.body, b"a b");
}
