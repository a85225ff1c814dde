//! Requests that a careless or hostile client sends: wrong parameters, broken syntax, odd types, methods and paths.

use super::{Generator, join};
use crate::op::Op;
use crate::support::http::Request;

const NOT_BOOLEAN: [&str; 6] = ["", "yes", "tRue", "2", "true%20", "%FF"];
const NOT_NUMBER: [&str; 9] = [
    "",
    "-1",
    "%2B5",
    "1.5",
    "abc",
    "0x10",
    "18446744073709551616",
    "1%20",
    "%D9%A3",
];
const METHODS: [&str; 5] = ["GET", "HEAD", "PUT", "POST", "DELETE"];
const PARAMETERS: [&str; 13] = [
    "dir",
    "ttl",
    "prevValue",
    "prevIndex",
    "prevExist",
    "recursive",
    "sorted",
    "quorum",
    "wait",
    "waitIndex",
    "stream",
    "refresh",
    "noValueOnSuccess",
];

impl Generator {
    /// A request, well formed or not, with one parameter that is wrong or out of place.
    pub(super) fn with_bad_parameter(&mut self) -> Op {
        let method = self.rng.choose(&METHODS);
        let mut parameters = Vec::new();
        for _ in 0..self.rng.between(1, 3) {
            let name = self.rng.choose(&PARAMETERS);
            parameters.push((name, self.parameter(name)));
        }
        // A valid wait with nothing to answer it would block: a bad `dir` makes every such request invalid.
        parameters.retain(|(name, _)| *name != "dir");
        parameters.push(("dir", self.rng.choose(&NOT_BOOLEAN).to_owned()));
        self.rng.shuffle(&mut parameters);
        if self.rng.chance(30) {
            parameters.retain(|(name, _)| !matches!(*name, "wait" | "dir"));
        }
        let path = self.path();
        if self.rng.chance(15) {
            return self.bad_syntax(method, &path);
        }
        // In the body of a DELETE or GET the last parameter would not count.
        match method {
            "PUT" | "POST" => self.assemble(method, &path, parameters),
            _ => Op::new(Request::new(
                method,
                format!("/v2/keys{path}?{}", join(&parameters)),
            )),
        }
    }

    fn parameter(&mut self, name: &str) -> String {
        let bad = self.rng.chance(35);
        match name {
            "ttl" if bad => self.rng.choose(&NOT_NUMBER).to_owned(),
            "ttl" => self.ttl(),
            "prevValue" if bad => String::new(),
            "prevValue" => self.value(),
            "prevIndex" | "waitIndex" if bad => self.rng.choose(&NOT_NUMBER).to_owned(),
            // No node ever has one of these: they are taken before the first write.
            "prevIndex" | "waitIndex" => self.rng.below(3).to_string(),
            _ if bad => self.rng.choose(&NOT_BOOLEAN).to_owned(),
            _ => {
                let on = self.rng.chance(60);
                self.boolean(on).to_owned()
            }
        }
    }

    fn bad_syntax(&mut self, method: &str, path: &str) -> Op {
        let piece = self.rng.choose(&[
            "value=%zz",
            "a=%z",
            "a=%",
            "x;y=1",
            "%zz=1",
            "value=a;b",
            "=",
            "&&",
            "a=%2",
            ";",
        ]);
        let other = self
            .rng
            .choose(&["", "?value=2", "?a=%g1", "?b;c", "?recursive=maybe"]);
        if self.rng.chance(50) {
            return Op::new(Request::new(method, format!("/v2/keys{path}?{piece}")));
        }
        Op::new(Request::new(method, format!("/v2/keys{path}{other}")).form(piece))
    }

    pub(super) fn odd_content_type(&mut self) -> Op {
        let method = self.rng.choose(&["PUT", "POST", "DELETE", "GET"]);
        let path = self.path();
        let (kind, body) = self.rng.choose(&[
            (
                "application/x-www-form-urlencoded; charset=utf-8",
                "value=typed",
            ),
            ("APPLICATION/X-WWW-Form-Urlencoded", "value=upper"),
            ("application/json", "{\"value\":\"json\"}"),
            ("text/plain", "value=plain"),
            ("", "value=untyped"),
            ("a/b/c;;;", "value=unparsable"),
            ("application/x-www-form-urlencoded;", "value=semicolon"),
            (
                "multipart/form-data; boundary=X",
                "--X\r\nContent-Disposition: form-data; name=\"value\"\r\n\r\nx\r\n--X--\r\n",
            ),
        ]);
        let query = self
            .rng
            .choose(&["", "", "?value=query", "?dir=true", "?prevExist=true"]);
        let mut request = Request::new(method, format!("/v2/keys{path}{query}")).body(body);
        if !kind.is_empty() {
            request = request.header("Content-Type", kind);
        }
        Op::new(request)
    }

    pub(super) fn odd_method(&mut self) -> Op {
        let method = self
            .rng
            .choose(&["OPTIONS", "PATCH", "OPTIONS", "BREW", "put", "PROPFIND"]);
        let path = self.path();
        let target = match self.rng.chance(20) {
            true => self
                .rng
                .choose(&[
                    "/",
                    "/v2",
                    "/nothing",
                    "/v2/keysfoo",
                    "/version",
                    "/v2/machines",
                ])
                .to_owned(),
            false => format!("/v2/keys{path}"),
        };
        Op::new(Request::new(method, target))
    }

    pub(super) fn odd_path(&mut self) -> Op {
        let method = self.rng.choose(&METHODS);
        let path = self.path();
        let odd = self.rng.choose(&[
            "/", "//", "/.", "/..", "/%2e", "/%2E%2e", "%2F", "%2F%2Fz", "//z", "/./z", "/../z",
            "%2Fz", "/%zz", "/%",
        ]);
        let query = self.rng.choose(&["", "?recursive=true", "?a=%22&b", "?"]);
        let mut request = Request::new(method, format!("/v2/keys{path}{odd}{query}"));
        if matches!(method, "PUT" | "POST") {
            request = request.form("value=odd");
        }
        Op::new(request)
    }

    /// Names and values with bytes that a URL should not hold, sent as they are.
    pub(super) fn raw_target(&mut self) -> Op {
        const PIECES: [&[u8]; 12] = [
            b"#",
            b"\"",
            b"<",
            b">",
            b"`",
            b"{",
            b"|",
            b"\\",
            b"^",
            b"\xd6\xd0",
            "\u{e9}".as_bytes(),
            b"x",
        ];
        let method = self.rng.choose(&["GET", "PUT", "DELETE"]);
        let mut target = format!("/v2/keys{}/", self.path().trim_end_matches('/')).into_bytes();
        for part in [&b""[..], b"?value="] {
            target.extend_from_slice(part);
            for _ in 0..self.rng.between(1, 3) {
                target.extend_from_slice(self.rng.choose(&PIECES));
            }
        }
        Op::new(Request::new(method, target))
    }
}
