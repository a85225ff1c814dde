//! A server with fixed answers, for what a healthy etcd never says: errors of the cluster, garbage, silence, redirects.
//!
//! The first segment of the path chooses the answer, so that `$CANNED/garbage` is an endpoint whose every answer is
//! garbage (an endpoint's path is a prefix of all requests, etcdctl reference 4).

use super::support::fake::{Received, Step, response};

/// What the server does about a request.
pub(crate) fn react(received: &Received, scheme: &str) -> Vec<Step> {
    let host = received.header("host").expect("every request has one");
    let url = format!("{scheme}://{host}");
    let ask = Ask::new(&received.method, &received.target, &url);
    let step = ask.trouble().or_else(|| ask.elsewhere());
    let step = step.or_else(|| ask.key()).or_else(|| ask.health());
    let step = step.or_else(|| ask.member());
    vec![step.unwrap_or_else(|| text("404 Not Found", "404 page not found\n"))]
}

const OK: &str = "200 OK";

fn json(status: &str, body: &str) -> Step {
    let headers = ["Content-Type: application/json", "X-Etcd-Index: 9"];
    Step::Send(response(status, &headers, body))
}

fn text(status: &str, body: &str) -> Step {
    Step::Send(response(status, &[], body))
}

fn redirect(location: Option<String>) -> Step {
    let header = location.map(|location| format!("Location: {location}"));
    let headers: Vec<&str> = header.iter().map(String::as_str).collect();
    Step::Send(response("307 Temporary Redirect", &headers, ""))
}

/// A request.
struct Ask<'a> {
    method: &'a str,
    /// The first segment of the path.
    case: &'a str,
    /// What follows it, with its slash and without the query.
    rest: &'a str,
    /// This server.
    url: &'a str,
}

impl<'a> Ask<'a> {
    fn new(method: &'a str, target: &'a str, url: &'a str) -> Ask<'a> {
        let path = target.split('?').next().unwrap_or("");
        let below = path.strip_prefix('/').unwrap_or(path);
        let (case, rest) = below.split_at(below.find('/').unwrap_or(below.len()));
        Ask {
            method,
            case,
            rest,
            url,
        }
    }

    /// Servers that are broken, or no etcd.
    fn trouble(&self) -> Option<Step> {
        Some(match self.case {
            "garbage" => text(OK, "<html>no etcd here</html>"),
            "empty" => text(OK, ""),
            "no-node" => json(OK, r#"{"action":"get"}"#),
            "bare" => json(OK, "{}"),
            "500" => text(
                "500 Internal Server Error",
                r#"{"message":"Internal Server Error"}"#,
            ),
            "502" => text("502 Bad Gateway", "nobody"),
            "503" => text("503 Service Unavailable", ""),
            "504" => text("504 Gateway Timeout", ""),
            "401" => json(
                "401 Unauthorized",
                r#"{"message":"Insufficient credentials"}"#,
            ),
            "403" => text("403 Forbidden", "no"),
            "404" => text("404 Not Found", "404 page not found\n"),
            "414" => text(
                "414 URI Too Long",
                "key of 20000 bytes, the limit is 16384\n",
            ),
            "close" => Step::Close,
            "silent" => Step::Hang,
            _ => return None,
        })
    }

    /// Servers that know a better one.
    fn elsewhere(&self) -> Option<Step> {
        let (url, rest) = (self.url, self.rest);
        Some(match self.case {
            "loop" => redirect(Some(format!("{url}/loop{rest}"))),
            "moved" => redirect(Some(format!("{url}/value{rest}"))),
            "relative" => redirect(Some(format!("/value{rest}"))),
            "lost" => redirect(None),
            _ => return None,
        })
    }

    /// Servers that know keys, and their members not, or not well.
    fn key(&self) -> Option<Step> {
        match (self.case, self.rest) {
            ("value", rest) if rest.starts_with("/v2/keys") => {
                let node = r#"{"key":"/k","value":"v","modifiedIndex":7,"createdIndex":7}"#;
                let method = self.method;
                Some(json(
                    OK,
                    &format!(r#"{{"action":"{method}","node":{node}}}"#),
                ))
            }
            ("babble", "/v2/machines") => Some(text(OK, "nobody, \"here\"")),
            _ => None,
        }
    }

    fn health(&self) -> Option<Step> {
        Some(match (self.case, self.rest) {
            ("healthy", "/health") => json(OK, r#"{"health":"true"}"#),
            ("boolean", "/health") => json(OK, r#"{"health":true}"#),
            ("sick", "/health") => json("503 Service Unavailable", r#"{"health":"false"}"#),
            ("dumb", "/health") => json(OK, "fine, thanks"),
            _ => return None,
        })
    }

    /// Clusters of members that are well or not; which, says the name of the case.
    fn member(&self) -> Option<Step> {
        let member = |id: &str, name: &str, urls: &[&str]| {
            let urls: Vec<String> = urls
                .iter()
                .map(|case| format!("\"{}/{case}\"", self.url))
                .collect();
            let urls = urls.join(",");
            let peer = "http://127.0.0.1:2380";
            format!(
                r#"{{"id":"{id}","name":"{name}","peerURLs":["{peer}"],"clientURLs":[{urls}]}}"#
            )
        };
        let removed = r#"{"message":"Member permanently removed: b2"}"#;
        match (self.case, self.method, self.rest) {
            ("two", "GET", "/v2/members/leader") => {
                return Some(json(OK, &member("b2", "n2", &["two"])));
            }
            ("two", "DELETE", "/v2/members/a1") => return Some(text("204 No Content", "")),
            ("two", "DELETE", _) => return Some(json("410 Gone", removed)),
            ("headless", _, "/v2/members/leader") => {
                return Some(json(
                    "503 Service Unavailable",
                    r#"{"message":"During election"}"#,
                ));
            }
            (_, "GET", "/v2/members") => {}
            _ => return None,
        }
        let members = match self.case {
            "no-urls" => vec![member("a1", "n1", &[])],
            "nobody" => Vec::new(),
            "two" => vec![member("a1", "", &[]), member("b2", "n2", &["two"])],
            "headless" => vec![member("a1", "n1", &["headless"])],
            "fine" => vec![
                member("a1", "n1", &["healthy"]),
                member("e5", "n5", &["boolean"]),
            ],
            "down" => vec![member("b2", "n2", &["sick"])],
            "hung" => vec![
                member("f6", "n6", &["silent"]),
                member("a1", "n1", &["healthy"]),
            ],
            "spare" => vec![member("a1", "n1", &["dumb", "healthy"])],
            "degraded" => vec![
                member("a1", "n1", &["healthy"]),
                member("b2", "n2", &["sick"]),
                member("c3", "n3", &[]),
                member("d4", "n4", &["dumb"]),
                member("e5", "n5", &["boolean"]),
            ],
            _ => return None,
        };
        Some(json(
            OK,
            &format!("{{\"members\":[{}]}}", members.join(",")),
        ))
    }
}
