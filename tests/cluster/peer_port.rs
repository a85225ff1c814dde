//! What is no member speaks to the peer port: it is dropped, counted and told once, and the cluster goes on.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use prost::Message as _;

use super::support::cluster::{Cluster, asked, json};
use super::support::http::{Connection, EXCHANGE_TIMEOUT, Request};
use super::support::seed::{self, Rng};
use super::support::server::Server;
use super::support::wait::{LIMIT, until};

const UPGRADE: &[u8] =
    b"GET /etcd2/peer HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: etcd2-peer\r\n\r\n";

/// Kinds of frames.
const GREETING: u8 = 1;
const REFUSAL: u8 = 2;
const RAFT: u8 = 3;
const OFFER: u8 = 4;

/// A greeting as members send it.
#[derive(Clone, PartialEq, prost::Message)]
struct ForgedGreeting {
    #[prost(uint32, tag = "1")]
    least: u32,
    #[prost(uint32, tag = "2")]
    most: u32,
    #[prost(fixed64, tag = "3")]
    cluster: u64,
    #[prost(fixed64, tag = "4")]
    from: u64,
    #[prost(fixed64, tag = "5")]
    to: u64,
    #[prost(fixed64, tag = "6")]
    founding: u64,
    #[prost(uint32, tag = "7")]
    stream: u32,
    #[prost(uint64, tag = "8")]
    heartbeat_ms: u64,
    #[prost(uint64, tag = "9")]
    election_ms: u64,
}

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut checked = vec![kind];
    checked.extend_from_slice(payload);
    let mut bytes = (payload.len() as u32).to_le_bytes().to_vec();
    bytes.extend(crc32fast::hash(&checked).to_le_bytes());
    bytes.extend(checked);
    bytes
}

/// A cluster, and the member that is spoken to.
struct Target {
    cluster: Cluster,
    id: u64,
    cluster_id: u64,
}

impl Target {
    fn start() -> Target {
        let cluster = Cluster::start(3);
        let own = json(cluster[0].addr(), "/v2/stats/self").expect("it says who it is");
        let answer = cluster[0].exchange(&Request::get("/v2/keys/"));
        let hex = |text: Option<&str>| {
            u64::from_str_radix(text.expect("there is an id"), 16).expect("an id is hexadecimal")
        };
        Target {
            id: hex(own["id"].as_str()),
            cluster_id: hex(answer.head.get("X-Etcd-Cluster-Id")),
            cluster,
        }
    }

    fn server(&self) -> &Server {
        &self.cluster[0]
    }

    /// A greeting that is taken, of a member that there is not.
    fn greeting(&self) -> ForgedGreeting {
        ForgedGreeting {
            least: 1,
            most: 1,
            cluster: self.cluster_id,
            from: 0xbad,
            to: self.id,
            founding: 0,
            stream: 1,
            heartbeat_ms: 50,
            election_ms: 500,
        }
    }

    /// Upgrades a connection, sends this, and waits until the member has closed it. What came back after the head.
    fn dropped(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = upgraded(self.server().peer_addr());
        // It may be closed before all is written.
        let _ = stream.write_all(bytes);
        read_to_end(&mut stream)
    }

    fn refused(&self, reason: &str) -> u64 {
        refused(self.server(), reason)
    }

    /// Sends this after the upgrade: the stream is dropped and counted under `reason`.
    fn assert_counted(&self, what: &str, bytes: &[u8], reason: &str) -> Vec<u8> {
        let before = self.refused(reason);
        let answer = self.dropped(bytes);
        until(&format!("{what} is not counted as {reason}"), || {
            self.refused(reason) == before + 1
        });
        answer
    }

    fn assert_serves(&self) {
        for (number, member) in self.cluster.iter().enumerate() {
            let target = format!("/v2/keys/still/{number}");
            let answer = member.exchange(&Request::put(&target, "value=x"));
            assert!(matches!(answer.status(), 200 | 201), "{}", answer.dump());
        }
        self.cluster.agreed();
    }
}

fn refused(member: &Server, reason: &str) -> u64 {
    let metrics = member.exchange(&Request::get("/metrics")).text();
    let name = format!("etcd2_peer_streams_refused_total{{reason=\"{reason}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
    line.map_or(0, |number| number.parse().expect("a counter is a number"))
}

/// A connection that has become a stream.
fn upgraded(peer: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(peer).expect("the peer port is open");
    stream
        .set_read_timeout(Some(LIMIT))
        .expect("a time-out can be set");
    stream.write_all(UPGRADE).expect("a request can be sent");
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("an answer comes");
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    stream
}

/// What comes until the other end closes, in whatever way.
fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => {
            panic!("the member does not close: {error}")
        }
        _ => bytes,
    }
}

#[test]
fn what_is_not_http_or_no_upgrade_is_answered_and_dropped() {
    let target = Target::start();
    let peer = target.server().peer_addr();
    let mut rng = Rng::new(seed::from_env("CLUSTER_SEED"));
    for length in [1, 9, 1_000, 200_000] {
        let mut stream = TcpStream::connect(peer).expect("the peer port is open");
        stream
            .set_read_timeout(Some(LIMIT))
            .expect("a time-out can be set");
        let _ = stream.write_all(&rng.bytes(length));
        let _ = stream.shutdown(Shutdown::Write);
        read_to_end(&mut stream);
    }
    let plain = asked(peer, &Request::get("/etcd2/peer")).expect("it is answered");
    assert_eq!(plain.status(), 426, "{}", plain.dump());
    assert_eq!(plain.head.get("Upgrade"), Some("etcd2-peer"));
    let other = Request::get("/etcd2/peer")
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket");
    let other = asked(peer, &other).expect("it is answered");
    assert_eq!(other.status(), 426, "{}", other.dump());
    for path in ["/v2/keys/", "/raft", "/v2/members", "/metrics"] {
        let answer = asked(peer, &Request::get(path)).expect("it is answered");
        assert_eq!(answer.status(), 404, "{path}: {}", answer.dump());
    }
    target.assert_serves();
}

#[test]
fn streams_that_are_no_members_are_dropped_and_counted() {
    let target = Target::start();
    let greeting = target.greeting();
    let greet = |change: &dyn Fn(&mut ForgedGreeting)| {
        let mut forged = greeting.clone();
        change(&mut forged);
        frame(GREETING, &forged.encode_to_vec())
    };
    let mut bad_checksum = greet(&|_| {});
    bad_checksum[5] ^= 1;
    let before_greeting: [(&str, Vec<u8>, &str); 10] = [
        ("garbage", vec![0x5a; 64], "not_a_member"),
        ("a length of 4 GiB", vec![0xff; 9], "not_a_member"),
        ("a bad checksum", bad_checksum, "not_a_member"),
        ("no greeting", frame(RAFT, b""), "not_a_member"),
        ("no protobuf", frame(GREETING, &[0xff; 20]), "not_a_member"),
        (
            "another cluster",
            greet(&|forged| forged.cluster = 1),
            "other_cluster",
        ),
        (
            "another member",
            greet(&|forged| forged.to = 1),
            "wrong_member",
        ),
        (
            "itself",
            greet(&|forged| forged.from = forged.to),
            "same_member",
        ),
        (
            "a later protocol",
            greet(&|forged| (forged.least, forged.most) = (7, 9)),
            "no_common_protocol",
        ),
        (
            "an unknown stream",
            greet(&|forged| forged.stream = 9),
            "unknown_stream",
        ),
    ];
    for (what, bytes, reason) in before_greeting {
        let answer = target.assert_counted(what, &bytes, reason);
        // Who spoke well enough is told why.
        if reason != "not_a_member" {
            assert_eq!(answer.get(8), Some(&REFUSAL), "{what}: {answer:?}");
        }
    }
    let greeted = |rest: &[u8]| [greet(&|_| {}), rest.to_vec()].concat();
    let oversize = [&u32::MAX.to_le_bytes()[..], &[0; 4], &[RAFT]].concat();
    // Tag 2 is `to`, tag 3 `from` in a message of consensus.
    let forged = |from: u8, to: u64| {
        let mut message = vec![0x10];
        prost::encoding::encode_varint(to, &mut message);
        message.extend([0x18, from]);
        frame(RAFT, &message)
    };
    let after_greeting: [(&str, Vec<u8>, &str); 6] = [
        ("a length of 4 GiB", oversize, "too_large"),
        ("a kind that is none", frame(99, b"x"), "unknown_kind"),
        ("no message", frame(RAFT, &[0xff; 30]), "malformed"),
        ("no offer", frame(OFFER, &[0xff; 30]), "malformed"),
        (
            "a message of another sender",
            forged(1, target.id),
            "forged",
        ),
        (
            "a message that has gone astray",
            {
                let mut message = vec![0x10, 7, 0x18];
                prost::encoding::encode_varint(0xbad, &mut message);
                frame(RAFT, &message)
            },
            "misdirected",
        ),
    ];
    for (what, bytes, reason) in after_greeting {
        target.assert_counted(what, &greeted(&bytes), reason);
    }
    let log = target.server().log();
    let told = |line: &str| log.lines().filter(|have| have.contains(line)).count();
    assert_eq!(told("is of cluster"), 1, "{log}");
    assert_eq!(told("correct the peer URLs of these two"), 1, "{log}");
    // Twenty more of the same kind are counted, and not told again.
    for _ in 0..20 {
        let bytes = greet(&|forged| forged.cluster = 1);
        target.assert_counted("another cluster", &bytes, "other_cluster");
    }
    let log = target.server().log();
    let told = log.lines().filter(|line| line.contains("is of cluster"));
    assert_eq!(told.count(), 1, "{log}");
    target.assert_serves();
}

/// Connections that never become streams, and streams that say nothing, hold nobody up and are not held for ever.
#[test]
fn silent_ones_hold_nobody_up() {
    let target = Target::start();
    let peer = target.server().peer_addr();
    let silent: Vec<TcpStream> = (0..100).map(|_| upgraded(peer)).collect();
    target.assert_serves();
    let before = target.refused("silent") + target.refused("busy");
    for mut stream in silent {
        read_to_end(&mut stream);
    }
    until("silent streams are not counted", || {
        target.refused("silent") + target.refused("busy") >= before.max(100)
    });
    target.assert_serves();
}

/// A stranger who greets well takes no member's place.
#[test]
fn a_stranger_of_the_same_cluster_disturbs_nobody() {
    let mut target = Target::start();
    let leader = target.cluster.leader();
    let greeting = frame(GREETING, &target.greeting().encode_to_vec());
    let mut stream = upgraded(target.server().peer_addr());
    stream.write_all(&greeting).expect("it can be sent");
    let mut answer = [0; 9];
    stream.read_exact(&mut answer).expect("it is answered");
    assert_eq!(answer[8], GREETING);
    // A heartbeat of a later term from nobody's member, and a vote that it asks for: type, to, from, term.
    for kind in [8, 5, 17] {
        let mut message = vec![0x08, kind, 0x10];
        prost::encoding::encode_varint(target.id, &mut message);
        message.push(0x18);
        prost::encoding::encode_varint(0xbad, &mut message);
        message.extend([0x20, 100]);
        let _ = stream.write_all(&frame(RAFT, &message));
    }
    drop(stream);
    target.assert_serves();
    target.cluster.wait_healthy();
    let mut connection = Connection::open(target.server().addr()).expect("it accepts");
    let request = Request::get("/v2/keys/still/0?quorum=true");
    connection.send(&request).expect("it can be sent");
    let read = connection.read_response(EXCHANGE_TIMEOUT.min(Duration::from_secs(20)));
    assert_eq!(read.expect("it is answered").status(), 200);
    println!("leader before {leader}, after {}", target.cluster.leader());
}
