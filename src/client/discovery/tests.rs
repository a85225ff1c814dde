use std::collections::HashMap;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

use domain::base::iana::Rcode;
use domain::base::{Message, MessageBuilder, Name};
use domain::rdata::{Cname, Srv};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use super::*;

/// What the DNS server of a test says about one name.
#[derive(Clone)]
enum Says {
    /// SRV records: priority, weight, port, host.
    Records(Vec<(u16, u16, u16, &'static str)>),
    /// The same, behind an alias.
    Alias(&'static str, Vec<(u16, u16, u16, &'static str)>),
    /// The same, too large for a datagram.
    Large(Vec<(u16, u16, u16, &'static str)>),
    /// An error of the server.
    Fails(Rcode),
}

type Zone = Arc<HashMap<&'static str, Says>>;

/// A DNS server on loopback, UDP and TCP on one port, for as long as the test's runtime lives.
async fn dns(zone: impl IntoIterator<Item = (&'static str, Says)>) -> SocketAddr {
    let zone: Zone = Arc::new(zone.into_iter().collect());
    // The kernel picks a UDP port; somebody else may hold that number in TCP, so it may take another pick.
    let (udp, tcp) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            break (udp, tcp);
        }
    };
    let address = udp.local_addr().unwrap();
    tokio::spawn(over_udp(udp, zone.clone()));
    tokio::spawn(over_tcp(tcp, zone));
    address
}

async fn over_udp(socket: UdpSocket, zone: Zone) {
    let mut datagram = vec![0; 4096];
    while let Ok((length, peer)) = socket.recv_from(&mut datagram).await {
        let answer = answer(&datagram[..length], &zone, true);
        socket.send_to(&answer, peer).await.unwrap();
    }
}

async fn over_tcp(listener: TcpListener, zone: Zone) {
    while let Ok((mut stream, _)) = listener.accept().await {
        while let Ok(length) = stream.read_u16().await {
            let mut question = vec![0; length.into()];
            stream.read_exact(&mut question).await.unwrap();
            let answer = answer(&question, &zone, false);
            let length = u16::try_from(answer.len()).unwrap();
            let framed = [&length.to_be_bytes()[..], &answer].concat();
            stream.write_all(&framed).await.unwrap();
        }
    }
}

fn name(text: &str) -> Name<Vec<u8>> {
    Name::from_str(text).unwrap()
}

fn answer(question: &[u8], zone: &Zone, datagram: bool) -> Vec<u8> {
    let question = Message::from_octets(question).unwrap();
    let asked = question.first_question().unwrap().qname().to_string();
    let (rcode, alias, records) = match zone.get(asked.as_str()) {
        None => (Rcode::NXDOMAIN, None, Vec::new()),
        Some(Says::Fails(rcode)) => (*rcode, None, Vec::new()),
        Some(Says::Records(records) | Says::Large(records)) => {
            (Rcode::NOERROR, None, records.clone())
        }
        Some(Says::Alias(to, records)) => (Rcode::NOERROR, Some(*to), records.clone()),
    };
    let mut message = MessageBuilder::new_vec()
        .start_answer(&question, rcode)
        .unwrap();
    if datagram && matches!(zone.get(asked.as_str()), Some(Says::Large(_))) {
        message.header_mut().set_tc(true);
        return message.finish();
    }
    if let Some(alias) = alias {
        message
            .push((name(&asked), 60, Cname::new(name(alias))))
            .unwrap();
    }
    let owner = name(alias.unwrap_or(&asked));
    for (priority, weight, port, host) in records {
        let record = Srv::new(priority, weight, port, name(host));
        message.push((&owner, 60, record)).unwrap();
    }
    message.finish()
}

const HTTPS: &str = "_etcd-client-ssl._tcp.example.test";
const HTTP: &str = "_etcd-client._tcp.example.test";

async fn found(
    zone: impl IntoIterator<Item = (&'static str, Says)>,
) -> Result<Vec<String>, DiscoveryError> {
    let resolver = Resolver::at(dns(zone).await);
    let discovered = discover("example.test", None, &resolver).await?;
    Ok(discovered
        .endpoints
        .iter()
        .map(Endpoint::to_string)
        .collect())
}

#[tokio::test]
async fn both_services_are_found_https_first() {
    let endpoints = found([
        (HTTP, Says::Records(vec![(0, 0, 2379, "a.example.test")])),
        (HTTPS, Says::Records(vec![(0, 0, 2380, "b.example.test.")])),
    ]);
    assert_eq!(
        endpoints.await.unwrap(),
        ["https://b.example.test:2380", "http://a.example.test:2379"]
    );
}

#[tokio::test]
async fn priority_rules_then_weight_then_the_name() {
    let records = vec![
        (20, 9, 1, "last.test"),
        (10, 1, 1, "light.test"),
        (10, 5, 2, "heavy.test"),
        (10, 5, 1, "heavy.test"),
        (10, 5, 1, "even.test"),
        (10, 5, 1, "even.test"),
        (0, 0, 1, "first.test"),
    ];
    let endpoints = found([(HTTP, Says::Records(records))]).await.unwrap();
    assert_eq!(
        endpoints,
        [
            "http://first.test:1",
            "http://even.test:1",
            "http://heavy.test:1",
            "http://heavy.test:2",
            "http://light.test:1",
            "http://last.test:1",
        ]
    );
}

#[tokio::test]
async fn one_service_is_enough_and_the_other_is_told() {
    let server = dns([(HTTPS, Says::Records(vec![(0, 0, 1, "a.test")]))]).await;
    let discovered = discover("example.test", Some(""), &Resolver::at(server)).await;
    let missing = discovered.unwrap().missing.unwrap();
    assert_eq!(
        missing.to_string(),
        format!("lookup {HTTP} on {server}: no such host")
    );
}

#[tokio::test]
async fn nothing_found_names_both_lookups() {
    let server = dns([(HTTPS, Says::Records(Vec::new()))]).await;
    let error = discover("example.test", None, &Resolver::at(server)).await;
    assert_eq!(
        error.unwrap_err().to_string(),
        format!(
            "dns lookup errors: lookup {HTTPS} on {server}: no such host \
             and lookup {HTTP} on {server}: no such host"
        )
    );
}

#[tokio::test]
async fn a_service_name_becomes_part_of_the_question() {
    let records = Says::Records(vec![(0, 0, 1, "a.test")]);
    let zone = [("_etcd-client-blue._tcp.example.test", records)];
    let resolver = Resolver::at(dns(zone).await);
    let discovered = discover("example.test", Some("blue"), &resolver)
        .await
        .unwrap();
    assert_eq!(discovered.endpoints[0].to_string(), "http://a.test:1");
    assert!(discover("example.test", None, &resolver).await.is_err());
}

#[tokio::test]
async fn an_alias_is_followed() {
    let records = vec![(0, 0, 1, "a.test")];
    let zone = [(HTTP, Says::Alias("elsewhere.test", records))];
    assert_eq!(found(zone).await.unwrap(), ["http://a.test:1"]);
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_fetched_over_tcp() {
    let records = (1..=60).map(|port| (0, 0, port, "a-host-with-a-long-name.example.test"));
    let endpoints = found([(HTTP, Says::Large(records.collect()))])
        .await
        .unwrap();
    assert_eq!(endpoints.len(), 60);
    assert_eq!(
        endpoints[59],
        "http://a-host-with-a-long-name.example.test:60"
    );
}

#[tokio::test]
async fn a_root_target_means_no_service() {
    let error = found([(HTTP, Says::Records(vec![(0, 0, 0, ".")]))]).await;
    assert!(error.unwrap_err().to_string().contains("no such host"));
}

#[tokio::test]
async fn a_bad_record_does_not_hide_the_good_ones() {
    let records = vec![
        (0, 0, 0, "a.test"),
        (0, 0, 2379, "b.test"),
        (0, 0, 1, "x/y.test"),
    ];
    let resolver = Resolver::at(dns([(HTTP, Says::Records(records))]).await);
    let found = discover("example.test", None, &resolver).await.unwrap();
    let endpoints: Vec<_> = found.endpoints.iter().map(Endpoint::to_string).collect();
    assert_eq!(endpoints, ["http://b.test:2379"]);
    assert_eq!(found.unusable.len(), 2, "{:?}", found.unusable);
}

#[tokio::test]
async fn answers_that_make_no_endpoint_are_refused() {
    for (host, port, why) in [
        ("evil/path.test", 1, "which is no host"),
        ("user@evil.test", 1, "which is no host"),
        ("a.test", 0, "the port is no number"),
    ] {
        let error = found([(HTTP, Says::Records(vec![(0, 0, port, host)]))]).await;
        let text = error.unwrap_err().to_string();
        assert!(text.contains(why), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_fails_is_named_with_its_reason() {
    let server = dns([(HTTP, Says::Fails(Rcode::REFUSED))]).await;
    let error = discover("example.test", None, &Resolver::at(server)).await;
    let text = error.unwrap_err().to_string();
    let expected = format!("and lookup {HTTP} on {server}: the server answers REFUSED");
    assert!(text.ends_with(&expected), "{text}");
}

#[tokio::test]
async fn the_next_server_is_asked_when_one_is_down_or_fails() {
    // Bound, hence nobody else's, but for datagrams from one peer only: all others are refused.
    let closed = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let down = closed.local_addr().unwrap();
    closed.connect("127.0.0.1:9").await.unwrap();
    let fails = dns([(HTTP, Says::Fails(Rcode::SERVFAIL))]).await;
    let good = dns([(HTTP, Says::Records(vec![(0, 0, 1, "a.test")]))]).await;
    let resolver = Resolver::among(&[down, fails, good]);
    let discovered = discover("example.test", None, &resolver).await.unwrap();
    assert_eq!(discovered.endpoints[0].to_string(), "http://a.test:1");

    let text = discover("example.test", None, &Resolver::among(&[down])).await;
    let text = text.unwrap_err().to_string();
    assert!(text.contains("connection refused"), "{text}");
}

#[tokio::test]
async fn what_answers_another_question_is_not_taken() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let server = socket.local_addr().unwrap();
    let records = |host| Says::Records(vec![(0, 0, 1, host)]);
    let forged: Zone = Arc::new(HashMap::from([(HTTP, records("forged.test"))]));
    let honest: Zone = Arc::new(HashMap::from([(HTTP, records("honest.test"))]));
    tokio::spawn(async move {
        let mut datagram = vec![0; 4096];
        while let Ok((length, peer)) = socket.recv_from(&mut datagram).await {
            let question = &datagram[..length];
            let mut other_id = answer(question, &forged, true);
            other_id[1] ^= 1;
            let mut no_answer = answer(question, &forged, true);
            no_answer[2] &= 0x7f;
            let garbage = vec![0xff; 5];
            let good = answer(question, &honest, true);
            for reply in [other_id, no_answer, garbage, Vec::new(), good] {
                socket.send_to(&reply, peer).await.unwrap();
            }
        }
    });
    let discovered = discover("example.test", None, &Resolver::at(server)).await;
    assert_eq!(
        discovered.unwrap().endpoints[0].to_string(),
        "http://honest.test:1"
    );
}

#[tokio::test]
async fn a_domain_that_is_none_is_not_asked_for() {
    let resolver = Resolver::at(dns([]).await);
    for domain in ["", "..", &"a".repeat(64), "a\0.\\300"] {
        let error = discover(domain, None, &resolver).await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("dns lookup errors: lookup _etcd"),
            "{text}"
        );
    }
}
