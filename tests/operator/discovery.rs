//! `--discovery-srv` with the binary: a mount namespace of its own shows it a resolv.conf that names the test's DNS server.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::str::FromStr;

use domain::base::iana::{Class, Rcode};
use domain::base::{Message, MessageBuilder, Name};
use domain::rdata::Srv;
use tempfile::TempDir;

use super::run::{Ended, Etcdctl, line};
use super::support::absent;
use super::support::authority::{Authority, Time};
use super::support::fake::refusing;
use super::support::server;
use super::tls::secure;

/// The names that a DNS server knows: each with a port of localhost.
type Zone = Vec<(&'static str, u16)>;

/// A resolver that only the commands of a test see.
struct Dns {
    address: Ipv4Addr,
    directory: TempDir,
}

impl Dns {
    /// `None` where port 53 or a mount namespace is not permitted; says so.
    fn start(zone: Zone) -> Option<Dns> {
        if !absent::has_localhost() {
            return None;
        }
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let permitted = Command::new("unshare").args(["-m", "true"]).output();
        match permitted {
            Ok(output) if output.status.success() => {}
            Ok(output) => {
                let reason = String::from_utf8_lossy(&output.stderr).into_owned();
                absent::not_run(&format!(
                    "this process may not have a mount namespace: {reason}"
                ));
                return None;
            }
            Err(error) => {
                absent::not_run(&format!("unshare cannot be started: {error}"));
                return None;
            }
        }
        let (socket, address) = port_53()?;
        std::thread::spawn(move || answer(&socket, &zone));
        let dns = Dns { address, directory };
        // One try: a question that nobody answers should not take long to fail.
        let text = format!("nameserver {address}\noptions timeout:5 attempts:1\n");
        std::fs::write(dns.file(), text).expect("a temporary directory takes files");
        Some(dns)
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("resolv.conf")
    }

    /// Runs a command that finds this server in /etc/resolv.conf.
    fn run(&self, command: &Etcdctl) -> Ended {
        let file = self.file().display().to_string();
        let script = "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"";
        command.run_by(&["unshare", "-m", "sh", "-c", script, &file])
    }
}

/// A loopback address whose DNS port is free; other runs of this test have others.
fn port_53() -> Option<(UdpSocket, Ipv4Addr)> {
    let mut last = None;
    for number in 1..=250 {
        let address = Ipv4Addr::new(127, 53, (std::process::id() % 251) as u8, number);
        match UdpSocket::bind((address, 53)) {
            Ok(socket) => return Some((socket, address)),
            Err(error) => last = Some(error),
        }
    }
    absent::not_run(&format!("port 53 of loopback cannot be had: {last:?}"));
    None
}

fn answer(socket: &UdpSocket, zone: &Zone) {
    let mut datagram = [0; 4096];
    while let Ok((length, peer)) = socket.recv_from(&mut datagram) {
        if let Some(answer) = records(&datagram[..length], zone) {
            // Whoever asked may be gone.
            let _ = socket.send_to(&answer, peer);
        }
    }
}

fn records(question: &[u8], zone: &Zone) -> Option<Vec<u8>> {
    let question = Message::from_octets(question).ok()?;
    let asked = question.first_question()?.qname().to_string();
    let found: Vec<u16> = zone
        .iter()
        .filter(|(name, _)| *name == asked)
        .map(|(_, port)| *port)
        .collect();
    let code = if found.is_empty() {
        Rcode::NXDOMAIN
    } else {
        Rcode::NOERROR
    };
    let builder = MessageBuilder::new_vec();
    let mut builder = builder.start_answer(&question, code).ok()?;
    for port in found {
        let target: Name<Vec<u8>> = Name::from_str("localhost").ok()?;
        let owner: Name<Vec<u8>> = Name::from_str(&asked).ok()?;
        builder
            .push((owner, Class::IN, 60, Srv::new(0, 0, port, target)))
            .ok()?;
    }
    Some(builder.finish())
}

fn port(url: &str) -> u16 {
    let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
    port.expect("the URL ends with a port")
}

#[test]
fn plain_endpoints_are_kept_only_when_asked_for() {
    let server = server::ours().start();
    let other = server::ours().start();
    line("set /k other").at(other.url()).output();
    let Some(dns) = Dns::start(vec![
        ("_etcd-client._tcp.cluster.test", port(&server.url())),
        ("_etcd-client-green._tcp.cluster.test", port(&server.url())),
    ]) else {
        return;
    };
    let found = format!("http://localhost:{}", port(&server.url()));
    let command = |words: &str| line("-D cluster.test").and(words.split(' '));
    for command in [
        command("--insecure-discovery set /k v"),
        command("set /k v").env("ETCDCTL_INSECURE_DISCOVERY", "yes"),
        line("--insecure-discovery set /k v").env("ETCDCTL_DISCOVERY_SRV", "cluster.test"),
        command("--insecure-discovery set /k v").env("ETCDCTL_DISCOVERY_SRV_NAME", "green"),
        // Discovery wins over every address.
        command("--insecure-discovery --endpoints http://127.0.0.1:1 set /k v")
            .at("http://127.0.0.1:1"),
        command("--insecure-discovery --no-sync set /k v"),
    ] {
        let ended = dns.run(&command);
        assert_eq!(
            (ended.stdout.as_str(), ended.code),
            ("v\n", Some(0)),
            "{command:?}\n{ended:?}"
        );
        assert_eq!(line("get /k").at(server.url()).output(), "v\n");
        line("rm /k").at(server.url()).output();
    }
    let debug = dns.run(&command("--insecure-discovery --debug ls /"));
    assert!(
        debug
            .stderr
            .starts_with(&format!("start to sync cluster using endpoints({found})\n")),
        "{debug:?}"
    );
    // Without the permission nothing is left, and the addresses count.
    let ended = dns.run(&command("get /k").at(other.url()));
    assert_eq!(
        (ended.stdout.as_str(), ended.code),
        ("other\n", Some(0)),
        "{ended:?}"
    );
    assert_eq!(
        ended.stderr,
        format!("ignoring discovered insecure endpoint \"{found}\"\n")
    );
}

#[test]
fn names_without_records_end_the_command() {
    let server = server::ours().start();
    let Some(dns) = Dns::start(Vec::new()) else {
        return;
    };
    let at = format!("{}:53", dns.address);
    for (words, suffix) in [
        ("get /k", ""),
        ("member list", ""),
        ("cluster-health", ""),
        ("get /k", "-green"),
    ] {
        let command = line("-D nowhere.test")
            .and(words.split(' '))
            .at(server.url());
        let ended =
            dns.run(&command.env("ETCDCTL_DISCOVERY_SRV_NAME", suffix.trim_start_matches('-')));
        assert_eq!(
            ended.stderr,
            format!(
                "dns lookup errors: lookup _etcd-client-ssl{suffix}._tcp.nowhere.test on {at}: no such host and \
                 lookup _etcd-client{suffix}._tcp.nowhere.test on {at}: no such host\n"
            )
        );
        assert_eq!((ended.stdout.as_str(), ended.code), ("", Some(1)));
    }
}

#[test]
fn addresses_of_the_dns_that_nobody_answers_at_are_called_that() {
    let (_held, nobody): (_, SocketAddr) = refusing();
    let Some(dns) = Dns::start(vec![("_etcd-client._tcp.cluster.test", nobody.port())]) else {
        return;
    };
    let command = line("-D cluster.test --insecure-discovery --hints=always get /k");
    let ended = dns.run(&command);
    assert_eq!(
        ended.hints(),
        [
            "these are addresses that the DNS names for cluster.test, or that the cluster there announces; to use others: etcdctl --endpoints http://HOST:2379 … without --discovery-srv and ETCDCTL_DISCOVERY_SRV"
        ]
    );
    assert_eq!(ended.code, Some(2));
}

#[test]
fn a_secure_server_proves_to_be_the_domain() {
    let ca = Authority::new("ours");
    let (_server, url) = secure(&ca.issue("server", &["cluster.test"], Time::Now), None);
    let (_other, other) = secure(
        &ca.issue("other", &["localhost", "127.0.0.1"], Time::Now),
        None,
    );
    let Some(dns) = Dns::start(vec![
        ("_etcd-client-ssl._tcp.cluster.test", port(&url)),
        ("_etcd-client._tcp.cluster.test", 1),
        ("_etcd-client-ssl._tcp.other.test", port(&other)),
    ]) else {
        return;
    };
    let command = |domain: &str, words: &str| {
        let trusting = line("--ca-file").and([ca.file()]);
        trusting.and(["-D", domain]).and(words.split(' '))
    };
    let ended = dns.run(&command("cluster.test", "set /k v"));
    assert_eq!(
        (ended.stdout.as_str(), ended.code),
        ("v\n", Some(0)),
        "{ended:?}"
    );
    assert_eq!(
        ended.stderr,
        "ignoring discovered insecure endpoint \"http://localhost:1\"\n"
    );
    // A good certificate of the host is not enough: the DNS chose the host.
    let ended = dns.run(&command("other.test", "--hints=always set /k v"));
    assert!(
        ended
            .first()
            .ends_with("x509: certificate is valid for localhost, 127.0.0.1, not other.test"),
        "{ended:?}"
    );
    assert_eq!(ended.code, Some(4));
    // Who trusts the DNS asks for the host as it names it.
    let ended = dns.run(&command("other.test", "--insecure-discovery set /k v"));
    assert_eq!(
        (ended.stdout.as_str(), ended.code),
        ("v\n", Some(0)),
        "{ended:?}"
    );
}
