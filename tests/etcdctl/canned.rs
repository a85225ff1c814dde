//! A server with fixed answers, for what a healthy etcd never says: errors of the cluster, garbage, silence, redirects.
//!
//! The first segment of the path chooses the answer, so that `$CANNED/garbage` is an endpoint whose every answer is
//! garbage (an endpoint's path is a prefix of all requests, etcdctl reference 4).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

/// How long a client may keep a connection without a request.
const IDLE: Duration = Duration::from_secs(60);

/// A running server, stopped when dropped.
pub(crate) struct Canned {
    address: SocketAddr,
    url: String,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What a request gets.
enum Answer {
    /// Status line, further header lines, body.
    Text(&'static str, String, String),
    /// The connection is closed without a word.
    Close,
    /// Nothing, until the client goes away.
    Silence,
}

impl Canned {
    /// Starts it on a loopback port, in plain text.
    pub(crate) fn start() -> Canned {
        Canned::with(None)
    }

    /// Starts it on a loopback port, behind TLS.
    pub(crate) fn start_tls(config: Arc<ServerConfig>) -> Canned {
        Canned::with(Some(config))
    }

    fn with(tls: Option<Arc<ServerConfig>>) -> Canned {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port is free");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{address}");
        let stopping = Arc::new(AtomicBool::new(false));
        let (stop, own_url) = (Arc::clone(&stopping), url.clone());
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Acquire) {
                    return;
                }
                if let Ok(stream) = stream {
                    let (tls, url) = (tls.clone(), own_url.clone());
                    // A client that breaks off is its own business.
                    thread::spawn(move || drop(accept(stream, tls, &url)));
                }
            }
        });
        Canned {
            address,
            url,
            stopping,
            thread: Some(thread),
        }
    }

    /// `http://127.0.0.1:PORT`, or `https:` and the same.
    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }
}

impl Drop for Canned {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        // Wakes the thread from its wait for a connection.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            // It ends by returning.
            let _ = thread.join();
        }
    }
}

fn accept(stream: TcpStream, tls: Option<Arc<ServerConfig>>, url: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(IDLE))?;
    match tls {
        None => serve(BufReader::new(stream), url),
        Some(config) => {
            let session = ServerConnection::new(config).map_err(std::io::Error::other)?;
            serve(BufReader::new(StreamOwned::new(session, stream)), url)
        }
    }
}

fn serve<S: Read + Write>(mut stream: BufReader<S>, url: &str) -> std::io::Result<()> {
    loop {
        let mut first = String::new();
        if stream.read_line(&mut first)? == 0 {
            return Ok(());
        }
        let mut length = 0;
        loop {
            let mut header = String::new();
            stream.read_line(&mut header)?;
            let header = header.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        std::io::copy(&mut (&mut stream).take(length), &mut std::io::sink())?;
        let mut words = first.split(' ');
        let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let ask = Ask::new(method, target, url);
        let answer = ask.trouble().or_else(|| ask.elsewhere());
        let answer = answer.or_else(|| ask.key()).or_else(|| ask.health());
        let answer = answer.or_else(|| ask.member());
        match answer.unwrap_or_else(|| text("404 Not Found", "404 page not found\n")) {
            Answer::Text(status, headers, body) => {
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n");
                let stream = stream.get_mut();
                stream.write_all(head.as_bytes())?;
                stream.write_all(body.as_bytes())?;
                stream.flush()?;
            }
            Answer::Close => return Ok(()),
            Answer::Silence => {
                stream.read_line(&mut first)?;
                return Ok(());
            }
        }
    }
}

const OK: &str = "200 OK";

fn json(status: &'static str, body: &str) -> Answer {
    let headers = "Content-Type: application/json\r\nX-Etcd-Index: 9\r\n".to_owned();
    Answer::Text(status, headers, body.to_owned())
}

fn text(status: &'static str, body: &str) -> Answer {
    Answer::Text(status, String::new(), body.to_owned())
}

fn redirect(location: Option<String>) -> Answer {
    let header = location.map(|location| format!("Location: {location}\r\n"));
    Answer::Text(
        "307 Temporary Redirect",
        header.unwrap_or_default(),
        String::new(),
    )
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
    fn trouble(&self) -> Option<Answer> {
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
            "close" => Answer::Close,
            "silent" => Answer::Silence,
            _ => return None,
        })
    }

    /// Servers that know a better one.
    fn elsewhere(&self) -> Option<Answer> {
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
    fn key(&self) -> Option<Answer> {
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

    fn health(&self) -> Option<Answer> {
        Some(match (self.case, self.rest) {
            ("healthy", "/health") => json(OK, r#"{"health":"true"}"#),
            ("boolean", "/health") => json(OK, r#"{"health":true}"#),
            ("sick", "/health") => json("503 Service Unavailable", r#"{"health":"false"}"#),
            ("dumb", "/health") => json(OK, "fine, thanks"),
            _ => return None,
        })
    }

    /// Clusters of members that are well or not; which, says the name of the case.
    fn member(&self) -> Option<Answer> {
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
