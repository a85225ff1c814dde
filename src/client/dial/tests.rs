use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::rustls::SupportedProtocolVersion;
use tokio_rustls::rustls::version::{TLS12, TLS13};

use super::*;
use crate::tls::fixture::{Authority, Pair, ServerSetup, answer};
use crate::tls::{TlsFiles, alert_in};

const BOTH: &[&SupportedProtocolVersion] = &[&TLS12, &TLS13];

fn dialer(files: &TlsFiles) -> Dialer {
    Dialer::new(Tls::load(files).unwrap(), Proxies::default())
}

fn endpoint(scheme: &str, at: impl std::fmt::Display) -> Endpoint {
    Endpoint::parse(&format!("{scheme}://{at}")).unwrap()
}

fn setup(pair: &Pair) -> ServerSetup<'_> {
    ServerSetup {
        pair,
        clients: None,
        versions: BOTH,
    }
}

/// What the server answers to one line.
async fn exchange(dialed: &mut Dialed) -> io::Result<String> {
    dialed.stream.write_all(b"hello\n").await?;
    dialed.stream.flush().await?;
    let mut reply = String::new();
    dialed.stream.read_to_string(&mut reply).await?;
    Ok(reply)
}

async fn fault(dialer: &Dialer, endpoint: &Endpoint) -> DialError {
    match dialer.dial(endpoint).await {
        Ok(_) => panic!("{endpoint} was dialled"),
        Err(error) => error,
    }
}

/// A listener that hands its first connection to `serve`.
async fn once<F>(serve: impl FnOnce(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream).await;
    });
    address
}

/// An address nobody listens on: bound, hence ours, but not listening.
fn refusing() -> (tokio::net::TcpSocket, SocketAddr) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[tokio::test]
async fn plain_tcp_carries_bytes() {
    let address = once(|mut stream| async move { answer(&mut stream, b"plain").await }).await;
    let mut dialed = dialer(&TlsFiles::default())
        .dial(&endpoint("http", address))
        .await
        .unwrap();
    assert!(dialed.proxied.is_none());
    assert_eq!(exchange(&mut dialed).await.unwrap(), "plain hello\n");
}

#[tokio::test]
async fn connections_are_probed_and_do_not_wait_to_send() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = connect_to(listener.local_addr().unwrap()).await.unwrap();
    assert!(stream.nodelay().unwrap());
    assert!(sockopt::socket_keepalive(&stream).unwrap());
    assert_eq!(sockopt::tcp_keepidle(&stream).unwrap(), PROBE_EVERY);
    assert_eq!(sockopt::tcp_keepintvl(&stream).unwrap(), PROBE_EVERY);
    assert_eq!(sockopt::tcp_keepcnt(&stream).unwrap(), PROBES);
}

#[tokio::test]
async fn a_refusal_has_the_words_of_the_original() {
    let (_held, address) = refusing();
    let error = fault(&dialer(&TlsFiles::default()), &endpoint("http", address)).await;
    assert_eq!(
        error.to_string(),
        format!("dial tcp {address}: connect: connection refused")
    );
    assert!(error.is_refused() && error.is_connection());
    assert!(!error.is_certificate() && !error.is_not_tls());
}

#[tokio::test]
async fn every_address_is_tried_and_the_first_failure_is_told() {
    let (_one, first) = refusing();
    let (_two, second) = refusing();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let good = listener.local_addr().unwrap();
    let stream = connect_first([first, second, good].into_iter()).await;
    assert_eq!(stream.unwrap().peer_addr().unwrap(), good);
    let error = connect_first([first, second].into_iter())
        .await
        .unwrap_err();
    assert!(matches!(error, Some(DialError::Connect { address, .. }) if address == first));
    assert!(
        connect_first(std::iter::empty())
            .await
            .unwrap_err()
            .is_none()
    );
}

#[test]
fn a_name_that_does_not_exist_is_told_from_a_resolver_that_is_down() {
    let wrapped = |said| format!("failed to lookup address information: {said}");
    for said in [
        "Name or service not known",
        "No address associated with hostname",
    ] {
        assert_eq!(lookup_reason(&wrapped(said)), "no such host");
    }
    let down = "Temporary failure in name resolution";
    assert_eq!(lookup_reason(&wrapped(down)), down);
    let error = DialError::Lookup {
        host: "h".to_owned(),
        reason: NO_SUCH_HOST.to_owned(),
    };
    assert_eq!(error.to_string(), "dial tcp: lookup h: no such host");
    assert!(error.is_connection() && !error.is_refused());
}

#[tokio::test]
async fn a_trusted_server_is_spoken_to_with_both_versions_of_tls() {
    let ca = Authority::new("ca");
    let pair = ca.issue(&["127.0.0.1", "localhost"]);
    for version in BOTH {
        let server = ServerSetup {
            versions: &[version],
            ..setup(&pair)
        };
        let at = endpoint("https", server.serve().await);
        let mut dialed = dialer(&ca.trust()).dial(&at).await.unwrap();
        // The server would rather speak HTTP/2; we offer HTTP/1.1 alone.
        assert_eq!(exchange(&mut dialed).await.unwrap(), "http/1.1 hello\n");
    }
}

#[tokio::test]
async fn a_server_of_another_authority_is_refused() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let pair = theirs.issue(&["127.0.0.1"]);
    let at = endpoint("https", setup(&pair).serve().await);
    let error = fault(&dialer(&ours.trust()), &at).await;
    assert_eq!(
        error.to_string(),
        "x509: certificate signed by unknown authority"
    );
    assert!(error.is_certificate() && !error.is_connection());
}

#[tokio::test]
async fn a_server_of_another_name_is_refused() {
    let ca = Authority::new("ca");
    let pair = ca.issue(&["a.example", "*.b.example", "10.0.0.1"]);
    let at = endpoint("https", setup(&pair).serve().await);
    let error = fault(&dialer(&ca.trust()), &at).await;
    assert_eq!(
        error.to_string(),
        "x509: certificate is valid for a.example, *.b.example, 10.0.0.1, not 127.0.0.1"
    );
    assert!(error.is_certificate());

    let nameless = ca.issue(&[]);
    let at = endpoint("https", setup(&nameless).serve().await);
    assert_eq!(
        fault(&dialer(&ca.trust()), &at).await.to_string(),
        "x509: certificate is not valid for any names, but wanted to match 127.0.0.1"
    );
}

#[tokio::test]
async fn a_server_whose_certificate_ran_out_is_refused() {
    let ca = Authority::new("ca");
    let pair = ca.issue_expired(&["127.0.0.1"]);
    let at = endpoint("https", setup(&pair).serve().await);
    let error = fault(&dialer(&ca.trust()), &at).await;
    let text = error.to_string();
    let expected = "x509: certificate has expired or is not yet valid";
    assert!(text.starts_with(expected), "{text}");
    assert!(error.is_certificate());
}

#[tokio::test]
async fn every_authority_of_a_ca_file_counts() {
    let (one, two) = (Authority::new("one"), Authority::new("two"));
    let pair = two.issue(&["127.0.0.1"]);
    let at = endpoint("https", setup(&pair).serve().await);
    let files = TlsFiles {
        ca: Some(one.write("both.pem", &(one.pem() + &two.pem()))),
        ..TlsFiles::default()
    };
    let mut dialed = dialer(&files).dial(&at).await.unwrap();
    assert_eq!(exchange(&mut dialed).await.unwrap(), "http/1.1 hello\n");
}

/// Dials a server that shows `shown` as a client that was given `named` as its CA file.
async fn dial_self_signed(shown: &Pair, named: &Pair) -> Result<Dialed, DialError> {
    let dir = Authority::new("keeps the file");
    let files = TlsFiles {
        ca: Some(dir.write("ca.pem", &named.cert)),
        ..TlsFiles::default()
    };
    let at = endpoint("https", setup(shown).serve().await);
    dialer(&files).dial(&at).await
}

#[tokio::test]
async fn a_server_that_is_its_own_authority_is_taken_when_it_is_the_one_named() {
    let pair = Authority::self_signed(&["127.0.0.1"], false);
    let mut dialed = dial_self_signed(&pair, &pair).await.unwrap();
    assert_eq!(exchange(&mut dialed).await.unwrap(), "http/1.1 hello\n");

    let named = Authority::self_signed(&["127.0.0.1"], false);
    let expired = Authority::self_signed(&["127.0.0.1"], true);
    let elsewhere = Authority::self_signed(&["elsewhere"], false);
    // The right certificate in the hands of somebody who does not have its key.
    let stolen = Pair {
        cert: pair.cert.clone(),
        key: named.key.clone(),
    };
    for (shown, named, reason) in [
        (&pair, &named, "certificate signed by unknown authority"),
        (&stolen, &pair, "bad signature"),
        (&expired, &expired, "certificate has expired"),
        (
            &elsewhere,
            &elsewhere,
            "certificate is valid for elsewhere, not 127.0.0.1",
        ),
    ] {
        let Err(error) = dial_self_signed(shown, named).await else {
            panic!("a server was taken that should be refused: {reason}");
        };
        assert!(error.is_certificate(), "{error:?}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[tokio::test]
async fn dialling_may_move_between_threads() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let (_held, address) = refusing();
    let (dialer, at) = (dialer(&TlsFiles::default()), endpoint("https", address));
    assert!(is_send(dialer.dial(&at)).await.is_err());
}

#[tokio::test]
async fn the_name_to_prove_can_be_the_domain() {
    let ca = Authority::new("ca");
    let pair = ca.issue(&["cluster.example"]);
    let at = endpoint("https", setup(&pair).serve().await);
    let tls = Tls::load(&ca.trust()).unwrap();
    let named = tls.with_server_name("cluster.example").unwrap();
    let dialer = Dialer::new(named, Proxies::default());
    let mut dialed = dialer.dial(&at).await.unwrap();
    assert_eq!(exchange(&mut dialed).await.unwrap(), "http/1.1 hello\n");
}

#[tokio::test]
async fn a_client_certificate_opens_the_door() {
    let ca = Authority::new("ca");
    let (server, client) = (ca.issue(&["127.0.0.1"]), ca.issue(&["client"]));
    for version in BOTH {
        let server = ServerSetup {
            clients: Some(&ca),
            versions: &[version],
            ..setup(&server)
        };
        let at = endpoint("https", server.serve().await);
        let mut dialed = dialer(&ca.trust_as(&client)).dial(&at).await.unwrap();
        assert_eq!(exchange(&mut dialed).await.unwrap(), "http/1.1 hello\n");
    }
}

/// The alert a client without the right certificate hears, whenever it arrives.
async fn alert(dialer: &Dialer, at: &Endpoint) -> String {
    match dialer.dial(at).await {
        Err(error) => {
            assert!(error.is_certificate(), "{error:?}");
            error.to_string()
        }
        Ok(mut dialed) => {
            let error = exchange(&mut dialed).await.unwrap_err();
            alert_in(&error).unwrap_or_else(|| panic!("{error:?}"))
        }
    }
}

#[tokio::test]
async fn a_missing_or_foreign_client_certificate_is_refused_with_the_servers_words() {
    let (ca, other) = (Authority::new("ca"), Authority::new("other"));
    let server = ca.issue(&["127.0.0.1"]);
    for version in BOTH {
        let server = ServerSetup {
            clients: Some(&ca),
            versions: &[version],
            ..setup(&server)
        };
        let at = endpoint("https", server.serve().await);
        assert_eq!(
            alert(&dialer(&ca.trust()), &at).await,
            "remote error: tls: certificate required"
        );
        let foreign = dialer(&ca.trust_as(&other.issue(&["client"])));
        assert_eq!(
            alert(&foreign, &at).await,
            "remote error: tls: unknown certificate authority"
        );
    }
    assert_eq!(alert_in(&io::Error::other("anything else")), None);
}

#[tokio::test]
async fn an_http_server_behind_an_https_endpoint_is_recognised() {
    let ca = Authority::new("ca");
    let address = once(|mut stream| async move {
        let mut greeting = [0; 64];
        stream.read_exact(&mut greeting).await.unwrap();
        let answer = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
        stream.write_all(answer).await.unwrap();
    });
    let address = address.await;
    let error = fault(&dialer(&ca.trust()), &endpoint("https", address)).await;
    assert_eq!(
        error.to_string(),
        format!("{address} does not speak TLS: use http:// to reach it")
    );
    assert!(error.is_not_tls() && !error.is_certificate() && !error.is_connection());
}

#[tokio::test]
async fn a_server_that_hangs_up_on_the_greeting_is_recognised() {
    let ca = Authority::new("ca");
    let address = once(|mut stream| async move {
        // Read what came, or the close would be a reset.
        let mut greeting = vec![0; 4096];
        assert!(stream.read(&mut greeting).await.unwrap() > 0);
        stream.shutdown().await.unwrap();
        while stream.read(&mut greeting).await.is_ok_and(|n| n > 0) {}
    });
    let address = address.await;
    let reset = once(|stream| async move {
        // Unread bytes make the close a reset.
        stream.readable().await.unwrap();
    });
    for address in [address, reset.await] {
        let error = fault(&dialer(&ca.trust()), &endpoint("https", address)).await;
        let target = address.to_string();
        assert_eq!(error, DialError::Closed { target });
        assert!(error.to_string().starts_with("EOF"));
        assert!(!error.is_connection());
    }
}

/// What a proxy of a test does with a request.
#[derive(Clone, Copy)]
enum Verdict {
    /// Connect to this address, whatever was asked for.
    Through(SocketAddr),
    /// Answer this and close.
    Say(&'static str),
}

/// A proxy for one connection; the request it read arrives at the receiver.
async fn proxy(verdict: Verdict) -> (SocketAddr, oneshot::Receiver<String>) {
    let (tell, told) = oneshot::channel();
    let address = once(move |stream| serve_proxy(stream, verdict, tell)).await;
    (address, told)
}

async fn serve_proxy(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    verdict: Verdict,
    tell: oneshot::Sender<String>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    tell.send(String::from_utf8(head).unwrap()).unwrap();
    match verdict {
        Verdict::Say(answer) => {
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
        Verdict::Through(target) => {
            let mut onward = TcpStream::connect(target).await.unwrap();
            let answer = b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n";
            stream.write_all(answer).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut onward).await;
        }
    }
}

/// A dialer whose every way leads through this proxy.
fn proxied(files: &TlsFiles, url: &str) -> Dialer {
    let proxies = Proxies::read(|name| {
        ["HTTP_PROXY", "HTTPS_PROXY"]
            .contains(&name)
            .then(|| url.to_owned())
    });
    Dialer::new(Tls::load(files).unwrap(), proxies)
}

#[tokio::test]
async fn an_https_endpoint_is_reached_through_the_proxys_tunnel() {
    let ca = Authority::new("ca");
    let pair = ca.issue(&["etcd.test"]);
    let (at, told) = proxy(Verdict::Through(setup(&pair).serve().await)).await;
    let dialer = proxied(&ca.trust(), &format!("http://al%40ice:s3cret@{at}"));
    // Nobody but the proxy can find this host.
    let target = endpoint("https", "etcd.test:2379");
    let mut dialed = dialer.dial(&target).await.unwrap();
    assert!(dialed.proxied.is_none());
    assert_eq!(exchange(&mut dialed).await.unwrap(), "http/1.1 hello\n");
    // "al@ice:s3cret"
    assert_eq!(
        told.await.unwrap(),
        "CONNECT etcd.test:2379 HTTP/1.1\r\nHost: etcd.test:2379\r\n\
         Proxy-Authorization: Basic YWxAaWNlOnMzY3JldA==\r\n\r\n"
    );
}

#[tokio::test]
async fn a_proxy_may_want_tls_itself() {
    let ca = Authority::new("ca");
    let (outer, inner) = (ca.issue(&["127.0.0.1"]), ca.issue(&["etcd.test"]));
    let through = Verdict::Through(setup(&inner).serve().await);
    let (tell, told) = oneshot::channel();
    let acceptor = setup(&outer).acceptor();
    let at = once(move |stream| async move {
        serve_proxy(acceptor.accept(stream).await.unwrap(), through, tell).await;
    });
    let url = format!("https://{}", at.await);
    let dialer = proxied(&ca.trust(), &url);
    let mut dialed = dialer
        .dial(&endpoint("https", "etcd.test:2379"))
        .await
        .unwrap();
    assert_eq!(exchange(&mut dialed).await.unwrap(), "http/1.1 hello\n");
    assert!(told.await.unwrap().starts_with("CONNECT etcd.test:2379 "));
}

#[tokio::test]
async fn an_http_endpoint_behind_a_proxy_is_left_to_the_request() {
    let address = once(|mut stream| async move { answer(&mut stream, b"proxy").await }).await;
    let dialer = proxied(&TlsFiles::default(), &format!("http://a:b@{address}"));
    let target = endpoint("http", "etcd.test:2379");
    let mut dialed = dialer.dial(&target).await.unwrap();
    let hop = dialed.proxied.take().unwrap();
    assert_eq!(hop.authorization.unwrap(), "Basic YTpi");
    assert_eq!(exchange(&mut dialed).await.unwrap(), "proxy hello\n");
}

#[tokio::test]
async fn loopback_is_dialled_directly_whatever_the_variables_say() {
    let address = once(|mut stream| async move { answer(&mut stream, b"direct").await }).await;
    for url in ["socks5://proxy.test:1080", "http://proxy.test:3128"] {
        let dialer = proxied(&TlsFiles::default(), url);
        let (_held, refused) = refusing();
        let error = fault(&dialer, &endpoint("http", refused)).await;
        assert!(error.is_refused(), "{error}");
    }
    let dialer = proxied(&TlsFiles::default(), "http://proxy.test:3128");
    let mut dialed = dialer.dial(&endpoint("http", address)).await.unwrap();
    assert_eq!(exchange(&mut dialed).await.unwrap(), "direct hello\n");
}

#[tokio::test]
async fn a_proxy_that_fails_is_told_from_a_cluster_that_does() {
    let target = endpoint("https", "etcd.test:2379");
    let (_held, refused) = refusing();
    let error = fault(
        &proxied(&TlsFiles::default(), &format!("{refused}")),
        &target,
    )
    .await;
    assert_eq!(
        error.to_string(),
        format!("proxyconnect tcp: dial tcp {refused}: connect: connection refused")
    );
    assert!(error.is_refused() && error.is_connection());

    let error = fault(&proxied(&TlsFiles::default(), "socks5://p:1"), &target).await;
    assert_eq!(
        error.to_string(),
        "proxyconnect tcp: HTTPS_PROXY names a socks5 proxy; only http:// and https:// proxies can be used"
    );

    for (answer, reason) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\nbody",
            "407 Proxy Authentication Required",
        ),
        ("HTTP/1.1 502 Bad", "it closed the connection"),
        ("", "it closed the connection"),
        ("SMTP ready\r\n\r\n", "its answer is not HTTP"),
    ] {
        let (at, told) = proxy(Verdict::Say(answer)).await;
        let error = fault(&proxied(&TlsFiles::default(), &at.to_string()), &target).await;
        assert_eq!(
            error.to_string(),
            format!("proxy http://{at} did not connect us to etcd.test:2379: {reason}")
        );
        assert!(!error.is_connection());
        assert!(told.await.is_ok());
    }
}

#[tokio::test]
async fn a_proxy_that_never_stops_talking_is_left() {
    let address = once(|mut stream| async move {
        let mut request = [0; 16];
        stream.read_exact(&mut request).await.unwrap();
        while stream.write_all(&[b'x'; 1024]).await.is_ok() {}
    });
    let dialer = proxied(&TlsFiles::default(), &address.await.to_string());
    let error = fault(&dialer, &endpoint("https", "etcd.test:2379")).await;
    assert!(
        error
            .to_string()
            .ends_with("the head of its answer has no end")
    );
}
