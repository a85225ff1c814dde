//! A server with fixed answers, for what a healthy etcd never says: errors of the cluster, garbage, silence, redirects.
//!
//! The first segment of the path chooses the answer, so that `$CANNED/garbage` is an endpoint whose every answer is
//! garbage (an endpoint's path is a prefix of all requests, etcdctl reference 4). `CASES` is the list.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long a client may keep a connection without a request.
const IDLE: Duration = Duration::from_secs(60);

/// A running server, stopped when dropped.
pub(crate) struct Canned {
    address: SocketAddr,
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
    /// Starts it on a loopback port.
    ///
    /// # Panics
    /// When no port is free.
    pub(crate) fn start() -> Canned {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port is free");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopping);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Acquire) {
                    return;
                }
                if let Ok(stream) = stream {
                    // A client that breaks off is its own business.
                    thread::spawn(move || drop(serve(stream, address)));
                }
            }
        });
        Canned {
            address,
            stopping,
            thread: Some(thread),
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
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

fn serve(stream: TcpStream, address: SocketAddr) -> std::io::Result<()> {
    stream.set_read_timeout(Some(IDLE))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first)? == 0 {
            return Ok(());
        }
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let header = header.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        std::io::copy(&mut (&mut reader).take(length), &mut std::io::sink())?;
        let mut words = first.split(' ');
        let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let path = target.split('?').next().unwrap_or("");
        match answer(method, path, address) {
            Answer::Text(status, headers, body) => write!(
                stream,
                "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
                body.len()
            )?,
            Answer::Close => return Ok(()),
            Answer::Silence => {
                reader.read_line(&mut first)?;
                return Ok(());
            }
        }
    }
}

const OK: &str = "200 OK";

fn answer(method: &str, path: &str, address: SocketAddr) -> Answer {
    let mut segments = path.splitn(3, '/').skip(1);
    let case = segments.next().unwrap_or("");
    let rest = format!("/{}", segments.next().unwrap_or(""));
    let json = |status, body: &str| {
        let headers = "Content-Type: application/json\r\nX-Etcd-Index: 9\r\n".to_owned();
        Answer::Text(status, headers, body.to_owned())
    };
    let text = |status, body: &str| Answer::Text(status, String::new(), body.to_owned());
    let to = |location: String| {
        Answer::Text(
            "307 Temporary Redirect",
            format!("Location: {location}\r\n"),
            String::new(),
        )
    };
    let is_list = method == "GET" && rest == "/v2/members";
    let list = |members: &str| json(OK, &format!("{{\"members\":[{members}]}}"));
    let member = |id: &str, name: &str, urls: &str| {
        format!(
            r#"{{"id":"{id}","name":"{name}","peerURLs":["http://127.0.0.1:2380"],"clientURLs":[{urls}]}}"#
        )
    };
    let here = |case: &str| format!("\"http://{address}/{case}\"");
    match case {
        "garbage" => text(OK, "<html>no etcd here</html>"),
        "empty" => text(OK, ""),
        "no-node" => json(OK, r#"{"action":"get"}"#),
        "bare" => json(OK, "{}"),
        "500" => text(
            "500 Internal Server Error",
            "{\"message\":\"Internal Server Error\"}",
        ),
        "502" => text("502 Bad Gateway", "nobody"),
        "503" => text("503 Service Unavailable", ""),
        "504" => text("504 Gateway Timeout", ""),
        "401" => json(
            "401 Unauthorized",
            "{\"message\":\"Insufficient credentials\"}",
        ),
        "403" => text("403 Forbidden", "no"),
        "404" => text("404 Not Found", "404 page not found\n"),
        "close" => Answer::Close,
        "silent" => Answer::Silence,
        "loop" => to(format!("http://{address}{path}")),
        "relative" => to(format!("/value{rest}")),
        "moved" => to(format!("http://{address}/value{rest}")),
        "lost" => Answer::Text("307 Temporary Redirect", String::new(), String::new()),
        "value" if !rest.starts_with("/v2/keys") => text("404 Not Found", "404 page not found\n"),
        "babble" if rest == "/v2/machines" => text(OK, "nobody, \"here\""),
        "babble" if rest == "/v2/members" => text("404 Not Found", "404 page not found\n"),
        "value" => json(
            OK,
            &format!(
                r#"{{"action":"{method}","node":{{"key":"/k","value":"v","modifiedIndex":7,"createdIndex":7}}}}"#
            ),
        ),
        "healthy" if rest == "/health" => json(OK, r#"{"health":"true"}"#),
        "boolean" if rest == "/health" => json(OK, r#"{"health":true}"#),
        "sick" if rest == "/health" => json("503 Service Unavailable", r#"{"health":"false"}"#),
        "dumb" if rest == "/health" => json(OK, "fine, thanks"),
        "no-urls" if is_list => list(&member("a1", "n1", "")),
        "two" if rest == "/v2/members/leader" => json(OK, &member("b2", "n2", &here("two"))),
        "two" if is_list => {
            list(&[member("a1", "", ""), member("b2", "n2", &here("two"))].join(","))
        }
        "two" if method == "DELETE" && rest.ends_with("/a1") => {
            Answer::Text("204 No Content", String::new(), String::new())
        }
        "two" if method == "DELETE" => json(
            "410 Gone",
            r#"{"message":"Member permanently removed: b2"}"#,
        ),
        "degraded" if is_list => list(
            &[
                member("a1", "n1", &here("healthy")),
                member("b2", "n2", &here("sick")),
                member("c3", "n3", ""),
                member("d4", "n4", &here("dumb")),
                member("e5", "n5", &here("boolean")),
            ]
            .join(","),
        ),
        "down" if is_list => list(&member("b2", "n2", &here("sick"))),
        "fine" if is_list => list(
            &[
                member("a1", "n1", &here("healthy")),
                member("e5", "n5", &here("boolean")),
            ]
            .join(","),
        ),
        "headless" if is_list => list(&member("a1", "n1", &here("headless"))),
        "headless" => text(
            "503 Service Unavailable",
            r#"{"message":"During election"}"#,
        ),
        _ => text("404 Not Found", "404 page not found\n"),
    }
}
