//! A network of its own for one test: each member in a namespace with two links, one to the other members and one to the
//! clients, and a router between them that can be told to swallow packets.
//!
//! The test starts itself again within new namespaces (`unshare`) and is the router there. So nothing of the machine's own
//! network is touched, and all of it is gone with the process: its children, too, whatever becomes of the test.

use std::io;
use std::net::SocketAddr;
use std::process::{Command, Output};

use super::support::absent::not_run;
use super::support::cluster::{Cluster, in_short_times, memberships};
use super::support::server;

/// Set where the test is within.
const WITHIN: &str = "CLUSTER_NAMESPACE";

/// Also where the test is not run by root: it is root of its own namespaces.
const UNSHARE: [&str; 7] = [
    "--map-root-user",
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
];

const READY: &str = "mount -t tmpfs none /run && mkdir /run/netns && ip link set lo up";

/// Runs `test` within, if this machine lets it; `name` is that of the present test.
pub(crate) fn inside(name: &str, test: impl FnOnce()) {
    if std::env::var_os(WITHIN).is_some() {
        return test();
    }
    let can = format!(
        "{READY} && ip netns add m0 && ip link add p0 type veth peer name peer-p netns m0 && \
         ip rule add iif p0 blackhole"
    );
    match unshared().args(["sh", "-c", &can]).output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => return not_run(&format!("no network namespaces: {}", errors(&output))),
        Err(error) => return not_run(&format!("no network namespaces: unshare: {error}")),
    }
    let own = std::env::current_exe().expect("a process knows its program");
    let script = format!("{READY} && exec \"$0\" --exact \"$1\" --nocapture --test-threads=1");
    let output = unshared()
        .args(["sh", "-c", &script])
        .arg(own)
        .arg(name)
        .env(WITHIN, "1")
        .output()
        .expect("it was possible a moment ago");
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), errors(&output));
    for line in errors.lines().filter(|line| line.starts_with("not run: ")) {
        not_run(line.splitn(3, ": ").last().unwrap_or(line));
    }
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{name} within its namespaces: {}\n{said}\n{errors}",
        output.status
    );
}

fn unshared() -> Command {
    let mut command = Command::new("unshare");
    command.args(UNSHARE).arg("--");
    command
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Which packets of a member are swallowed on their way between members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Those that it sends.
    Sent,
    /// Those that are sent to it.
    Received,
    Both,
}

/// Starts members in namespaces of their own.
pub(crate) fn start(count: usize) -> Cluster {
    std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").expect("the router is ours");
    let (mut clients, mut peers) = (Vec::new(), Vec::new());
    for number in 0..count {
        ip(&format!("netns add m{number}"));
        ip(&format!("-n m{number} link set lo up"));
        peers.push(link(number, "p", 77));
        clients.push(link(number, "c", 78));
        ip(&format!(
            "-n m{number} route add default via 10.77.{number}.1"
        ));
    }
    let places = memberships(&clients, &peers).into_iter().enumerate();
    let launches = places.map(|(number, place)| {
        let launch = server::ours().member(place).within(format!("m{number}"));
        in_short_times(launch)
    });
    Cluster::of(launches.collect())
}

/// Cuts a member off from the others. Clients reach it as before.
pub(crate) fn cut(member: usize, cut: Cut) {
    for rule in rules(member, cut) {
        ip(&format!("rule add {rule}"));
    }
}

/// Lets everything pass again.
pub(crate) fn mend(member: usize, cut: Cut) {
    for rule in rules(member, cut) {
        ip(&format!("rule del {rule}"));
    }
}

fn rules(member: usize, cut: Cut) -> Vec<String> {
    let sent = format!("iif p{member} blackhole");
    let received = format!("to 10.77.{member}.0/24 blackhole");
    match cut {
        Cut::Sent => vec![sent],
        Cut::Received => vec![received],
        Cut::Both => vec![sent, received],
    }
}

/// Holds back what a member sends and what it is sent, by so many milliseconds each; an error where the kernel cannot.
pub(crate) fn delay(member: usize, milliseconds: u32) -> Result<(), String> {
    let netem = format!("root netem delay {milliseconds}ms");
    run("tc", &format!("qdisc replace dev p{member} {netem}"))?;
    run(
        "tc",
        &format!("-n m{member} qdisc replace dev peer-p {netem}"),
    )
}

/// A link to a member, and the address that the member has on it.
fn link(member: usize, letter: &str, net: u8) -> SocketAddr {
    let (ours, theirs) = (format!("{letter}{member}"), format!("peer-{letter}"));
    let namespace = format!("m{member}");
    ip(&format!(
        "link add {ours} type veth peer name {theirs} netns {namespace}"
    ));
    ip(&format!("addr add 10.{net}.{member}.1/24 dev {ours}"));
    ip(&format!("link set {ours} up"));
    ip(&format!(
        "-n {namespace} addr add 10.{net}.{member}.2/24 dev {theirs}"
    ));
    ip(&format!("-n {namespace} link set {theirs} up"));
    let port = if letter == "p" { 2380 } else { 2379 };
    SocketAddr::from(([10, net, member as u8, 2], port))
}

fn ip(arguments: &str) {
    run("ip", arguments).unwrap_or_else(|why| panic!("ip {arguments}: {why}"));
}

fn run(program: &str, arguments: &str) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments.split(' '))
        .output()
        .map_err(|error: io::Error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(errors(&output)),
    }
}
