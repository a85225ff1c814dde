//! Reaching a member over TCP and HTTP: an upgrade at its peer port (RFC 9110 7.8).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, HeaderValue, UPGRADE};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustix::net::sockopt;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::message::StreamKind;
use super::reach::{PeerStream, Reach, ReachError, Reaching};

/// Where members take streams, and what they call the protocol.
pub(crate) const UPGRADE_PATH: &str = "/etcd2/peer";
pub(crate) const UPGRADE_PROTOCOL: &str = "etcd2-peer";

/// How long at least what is written of a snapshot may lie unread: the disk of the other end may be slow.
const SNAPSHOT_PATIENCE: Duration = Duration::from_secs(15);

/// Characters of an answer's first line that are shown.
const LINE_MAX: usize = 120;

/// Dials peer URLs.
#[derive(Debug)]
pub(super) struct HttpReach {
    /// For each address, and again for the upgrade.
    within: Duration,
    /// How long the kernel waits for acknowledgements of what was written.
    unacknowledged: Duration,
}

/// What is needed of a peer URL.
pub(super) struct PeerTarget<'a> {
    url: &'a str,
    host: String,
    port: u16,
    pub(super) authority: HeaderValue,
}

impl HttpReach {
    pub(super) fn new(election: Duration) -> Self {
        Self {
            within: election,
            unacknowledged: 2 * election,
        }
    }

    async fn reach_one(
        &self,
        url: &str,
        kind: StreamKind,
    ) -> Result<Box<dyn PeerStream>, ReachError> {
        let target = PeerTarget::new(url)?;
        let stream = self.connect(&target).await?;
        if kind == StreamKind::Snapshot {
            let patient = self.unacknowledged.max(SNAPSHOT_PATIENCE);
            let patient = u32::try_from(patient.as_millis()).unwrap_or(u32::MAX);
            // A stream that breaks sooner goes on later, so this is no reason not to begin.
            let _ = sockopt::set_tcp_user_timeout(&stream, patient);
        }
        let within = self.within;
        match timeout(within, upgrade(&target, stream)).await {
            Ok(upgraded) => upgraded,
            Err(_) => {
                let at = url.to_owned();
                Err(ReachError::TimedOut { at, within })
            }
        }
    }

    /// Looks the name up anew, and tries all its addresses.
    pub(super) async fn connect(&self, target: &PeerTarget<'_>) -> Result<TcpStream, ReachError> {
        let host = || target.host.clone();
        let addresses = lookup_host((&*target.host, target.port))
            .await
            .map_err(|source| ReachError::Lookup {
                host: host(),
                source,
            })?;
        let mut worst = None;
        for address in addresses {
            match self.connect_to(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => worst = Some(worse(worst, error)),
            }
        }
        Err(worst.unwrap_or_else(|| ReachError::NoAddress { host: host() }))
    }

    async fn connect_to(&self, address: SocketAddr) -> Result<TcpStream, ReachError> {
        let within = self.within;
        let failed = |source| ReachError::Connect { address, source };
        let Ok(connected) = timeout(within, TcpStream::connect(address)).await else {
            let at = address.to_string();
            return Err(ReachError::TimedOut { at, within });
        };
        let stream = connected.map_err(failed)?;
        self.prepare(&stream).map_err(failed)?;
        Ok(stream)
    }

    fn prepare(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let millis = u32::try_from(self.unacknowledged.as_millis()).unwrap_or(u32::MAX);
        sockopt::set_tcp_user_timeout(stream, millis)?;
        Ok(())
    }
}

/// Of two failures the one that is told: one that is no refusal, so that a refusal means all of them.
fn worse(first: Option<ReachError>, second: ReachError) -> ReachError {
    match first {
        Some(first) if !first.is_refused() => first,
        _ => second,
    }
}

impl Reach for HttpReach {
    fn reach<'a>(&'a self, urls: &'a [String], kind: StreamKind) -> Reaching<'a> {
        Box::pin(async move {
            let mut worst = None;
            for url in urls {
                match self.reach_one(url, kind).await {
                    Ok(stream) => return Ok(stream),
                    Err(error) => worst = Some(worse(worst, error)),
                }
            }
            Err(worst.unwrap_or(ReachError::NoUrl))
        })
    }
}

impl<'a> PeerTarget<'a> {
    pub(super) fn new(url: &'a str) -> Result<Self, ReachError> {
        let wrong = || ReachError::Url {
            url: url.to_owned(),
        };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => {
                let url = url.to_owned();
                return Err(ReachError::Https { url });
            }
            _ => return Err(wrong()),
        }
        let authority = uri.authority().ok_or_else(wrong)?;
        let host = authority.host();
        // Nothing else stands before or behind it: no user, and no port that is none.
        let port = authority.as_str().strip_prefix(host).ok_or_else(wrong)?;
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().map_err(|_| wrong())?,
            None => 80,
        };
        // An address of version 6 stands in brackets, which a look-up does not want.
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        Ok(Self {
            url,
            host: bare.unwrap_or(host).to_owned(),
            port,
            authority: HeaderValue::from_str(authority.as_str()).map_err(|_| wrong())?,
        })
    }
}

/// Asks for the upgrade.
async fn upgrade(
    target: &PeerTarget<'_>,
    stream: TcpStream,
) -> Result<Box<dyn PeerStream>, ReachError> {
    let url = || target.url.to_owned();
    let failed = |source| ReachError::Http { url: url(), source };
    let (mut requests, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    // Ends with the upgrade, or when `requests` and the answer are dropped.
    tokio::spawn(async move { drop(connection.with_upgrades().await) });
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = Uri::from_static(UPGRADE_PATH);
    let headers = request.headers_mut();
    headers.insert(HOST, target.authority.clone());
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static(UPGRADE_PROTOCOL));
    let response = requests.send_request(request).await.map_err(failed)?;
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        let (url, line) = (url(), first_line(response).await);
        return Err(ReachError::Full { url, line });
    }
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(ReachError::Status {
            url: url(),
            status: response.status().as_u16(),
            line: first_line(response).await,
        });
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(failed)?;
    Ok(Box::new(TokioIo::new(upgraded)))
}

/// Enough of an answer to recognise who gives it.
async fn first_line(response: Response<Incoming>) -> String {
    let mut body = response.into_body();
    let mut start = Vec::new();
    while start.len() < LINE_MAX
        && !start.contains(&b'\n')
        && let Some(Ok(frame)) = body.frame().await
    {
        start.extend_from_slice(frame.data_ref().map_or(&[], |data| &data[..]));
    }
    let text = String::from_utf8_lossy(&start);
    let line = text.lines().next().unwrap_or_default();
    let characters = line.chars().filter(|character| !character.is_control());
    characters.take(LINE_MAX).collect()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const WITHIN: Duration = Duration::from_secs(60);

    async fn port() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        (listener, url)
    }

    async fn error(urls: &[String]) -> ReachError {
        HttpReach::new(WITHIN)
            .reach(urls, StreamKind::Control)
            .await
            .err()
            .unwrap()
    }

    #[test]
    fn peer_urls_are_read() {
        for (url, host, port) in [
            ("http://a.example:2380", "a.example", 2380),
            ("http://[::1]:7001/", "::1", 7001),
            ("http://10.0.0.1", "10.0.0.1", 80),
        ] {
            let target = PeerTarget::new(url).unwrap();
            assert_eq!((&*target.host, target.port), (host, port), "{url}");
        }
        for url in [
            "",
            "a:1",
            "unix://a",
            "http://",
            "://a",
            "http://a:b",
            "http://u@a:1",
        ] {
            assert!(
                matches!(PeerTarget::new(url), Err(ReachError::Url { .. })),
                "{url}"
            );
        }
        let tls = PeerTarget::new("https://a:1").err().unwrap();
        assert!(matches!(tls, ReachError::Https { .. }));
    }

    #[tokio::test]
    async fn who_is_no_member_is_shown_with_what_it_says() {
        let (listener, url) = port().await;
        let answers = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4_096];
            let read = stream.read(&mut request).await.unwrap();
            let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 14\r\n\r\nno such\x07\nplace";
            stream.write_all(answer).await.unwrap();
            String::from_utf8(request[..read].to_vec()).unwrap()
        });
        let shown = error(std::slice::from_ref(&url)).await.to_string();
        assert_eq!(
            shown,
            format!("{url} answers 404 \"no such\" and not as a member does; correct the peer URL")
        );
        let request = answers.await.unwrap().to_lowercase();
        assert!(
            request.starts_with("get /etcd2/peer http/1.1\r\n"),
            "{request}"
        );
        assert!(request.contains("upgrade: etcd2-peer\r\n"), "{request}");
        assert!(request.contains("connection: upgrade\r\n"), "{request}");
    }

    #[tokio::test]
    async fn a_refusal_is_one_of_all_addresses() {
        let (first, first_url) = port().await;
        let (second, second_url) = port().await;
        drop((first, second));
        let both = [first_url, second_url];
        assert!(error(&both).await.is_refused());
        let [first, _] = both;
        let mixed = [first, "http://:".to_owned()];
        assert!(!error(&mixed).await.is_refused());
        assert!(matches!(error(&[]).await, ReachError::NoUrl));
    }
}
