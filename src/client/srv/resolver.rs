//! Whom we ask for SRV records: the servers of `/etc/resolv.conf`, or one named by address.
//!
//! Servers are asked in turn, as the C library does: over UDP, over TCP when the answer does not fit.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;

use bytes::Bytes;
use domain::base::iana::{Rcode, Rtype};
use domain::base::{Message, Name};
use domain::rdata::Srv;
use domain::resolv::stub::StubResolver;
use domain::resolv::stub::conf::{ResolvConf, ServerConf, Transport};

use super::LookupError;
use crate::client::dial::reason;

const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Asks DNS servers.
#[derive(Debug)]
pub struct Resolver {
    servers: Vec<Server>,
    /// How often the whole list is gone through.
    rounds: usize,
    /// What is tried behind a name that is not found as it stands.
    search: Vec<String>,
    /// A name with fewer dots than this is tried with the search list first.
    ndots: usize,
}

#[derive(Debug)]
struct Server {
    address: SocketAddr,
    stub: StubResolver,
}

/// One SRV record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) priority: u16,
    pub(super) weight: u16,
    /// Without a dot at its end.
    pub(super) host: String,
    pub(super) port: u16,
}

/// What one question led to.
enum Answer {
    Found(Vec<Target>),
    /// There is no such name, or it has no such records: the next name of the search list may.
    Absent(String),
}

impl Resolver {
    /// Asks as this system is set up to. A missing `/etc/resolv.conf` means a server on this machine.
    pub fn system() -> Resolver {
        Resolver::read(Path::new(RESOLV_CONF))
    }

    /// Asks the server at `address` and no other.
    pub fn at(address: SocketAddr) -> Resolver {
        let mut conf = ResolvConf::new();
        conf.servers
            .push(ServerConf::new(address, Transport::UdpTcp));
        Resolver::with(conf)
    }

    fn read(path: &Path) -> Resolver {
        let text = fs::read(path).unwrap_or_default();
        Resolver::with(parse(&String::from_utf8_lossy(&text)))
    }

    fn with(mut conf: ResolvConf) -> Resolver {
        conf.finalize();
        let search = conf.options.search.as_slice().iter();
        let servers = conf.servers.iter().map(|server| {
            let mut only = conf.clone();
            only.servers = vec![server.clone()];
            Server {
                address: server.addr,
                stub: StubResolver::from_conf(only),
            }
        });
        Resolver {
            rounds: conf.options.attempts.clamp(1, 5),
            search: search
                .filter(|suffix| !suffix.is_root())
                .map(ToString::to_string)
                .collect(),
            ndots: conf.options.ndots,
            servers: servers.collect(),
        }
    }

    /// The SRV records of a name.
    pub(super) async fn services(&self, name: &str) -> Result<Vec<Target>, LookupError> {
        let mut absent = None;
        for candidate in self.candidates(name) {
            match self.ask(&candidate).await? {
                Answer::Found(targets) => return Ok(targets),
                Answer::Absent(server) => {
                    absent.get_or_insert(LookupError {
                        name: name.to_owned(),
                        server: Some(server),
                        reason: "no such host".to_owned(),
                    });
                }
            }
        }
        Err(absent.expect("the name as it stands is always asked for"))
    }

    /// The name as it stands and with each suffix of the search list, in the order to try them.
    fn candidates(&self, name: &str) -> Vec<String> {
        if name.ends_with('.') {
            return vec![name.to_owned()];
        }
        let mut names: Vec<String> = self
            .search
            .iter()
            .map(|suffix| format!("{name}.{suffix}"))
            .collect();
        let dots = name.matches('.').count();
        let place = if dots >= self.ndots { 0 } else { names.len() };
        names.insert(place, name.to_owned());
        names
    }

    /// Asks the servers in turn until one knows.
    async fn ask(&self, name: &str) -> Result<Answer, LookupError> {
        let failed = |server: Option<SocketAddr>, reason: String| LookupError {
            name: name.to_owned(),
            server: server.map(|address| address.to_string()),
            reason,
        };
        let query: Name<Vec<u8>> = Name::from_str(name)
            .map_err(|error| failed(None, format!("this is no domain name: {error}")))?;
        let mut last = failed(None, "there is no DNS server to ask".to_owned());
        for _ in 0..self.rounds {
            for Server { address, stub } in &self.servers {
                let outcome = match stub.query((&query, Rtype::SRV)).await {
                    Ok(answer) => read_answer(&answer),
                    Err(error) => Err(transport_words(&error)),
                };
                match outcome {
                    Ok(None) => return Ok(Answer::Absent(address.to_string())),
                    Ok(Some(targets)) => return Ok(Answer::Found(targets)),
                    Err(reason) => last = failed(Some(*address), reason),
                }
            }
        }
        Err(last)
    }
}

fn transport_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut => "no answer in time".to_owned(),
        _ => reason(error),
    }
}

/// The SRV records of an answer; none when the name does not exist or has none; an error when another server may know
/// better.
fn read_answer(message: &Message<Bytes>) -> Result<Option<Vec<Target>>, String> {
    match message.header().rcode() {
        Rcode::NOERROR => {}
        Rcode::NXDOMAIN => return Ok(None),
        other => return Err(format!("the server answers {other}")),
    }
    let broken = |_| "the answer is malformed".to_owned();
    // An alias is followed to the name that owns the records; the answer carries the whole way.
    let owner = message
        .canonical_name()
        .ok_or("the answer's aliases lead nowhere")?;
    let mut targets = Vec::new();
    for record in message.answer().map_err(broken)?.limit_to_in::<Srv<_>>() {
        let record = record.map_err(broken)?;
        let service = record.data();
        // A root target says that the service is decidedly not there (RFC 2782).
        if *record.owner() == owner && !service.target().is_root() {
            targets.push(Target {
                priority: service.priority(),
                weight: service.weight(),
                host: host_name(&service.target().to_string())?,
                port: service.port(),
            });
        }
    }
    Ok((!targets.is_empty()).then_some(targets))
}

/// What the DNS calls a name may hold any byte; only host names become part of a URL.
fn host_name(target: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if target.bytes().all(fits) {
        Ok(target.to_owned())
    } else {
        Err(format!("the answer names {target:?}, which is no host"))
    }
}

/// Reads a file line by line: what one line says badly must not hide the servers below it.
fn parse(text: &str) -> ResolvConf {
    let mut conf = ResolvConf::new();
    for line in text.lines() {
        let line = line.split(['#', ';']).next().unwrap_or_default();
        if conf.parse(&mut line.as_bytes()).is_err() {
            tracing::debug!(line, "a line of {RESOLV_CONF} is not understood");
        }
    }
    conf
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(resolver: &Resolver) -> Vec<String> {
        let servers = resolver.servers.iter();
        servers.map(|server| server.address.to_string()).collect()
    }

    #[test]
    fn a_bad_line_does_not_hide_the_servers_below_it() {
        let conf = parse(
            "# made by hand\nfamily inet4\nnameserver 192.0.2.1 # first\nnameserver\n\
             sortlist 10.0.0.0\nsearch a.test b.test\noptions ndots:2 attempts:3\n\
             nameserver 2001:db8::1\n",
        );
        let resolver = Resolver::with(conf);
        assert_eq!(addresses(&resolver), ["192.0.2.1:53", "[2001:db8::1]:53"]);
        assert_eq!(resolver.search, ["a.test", "b.test"]);
        assert_eq!((resolver.ndots, resolver.rounds), (2, 3));
    }

    #[test]
    fn without_a_file_a_server_on_this_machine_is_asked() {
        let resolver = Resolver::read(Path::new("/nonexistent/resolv.conf"));
        assert_eq!(addresses(&resolver), ["127.0.0.1:53"]);
        assert!(resolver.search.is_empty());
    }

    #[test]
    fn the_search_list_follows_or_leads_by_the_number_of_dots() {
        let with = |text: &str| Resolver::with(parse(text));
        let few = with("search a.test b.test\n");
        assert_eq!(few.candidates("x.y"), ["x.y", "x.y.a.test", "x.y.b.test"]);
        assert_eq!(few.candidates("x"), ["x.a.test", "x.b.test", "x"]);
        assert_eq!(few.candidates("x.y."), ["x.y."]);
        let many = with("search a.test\noptions ndots:5\n");
        assert_eq!(many.candidates("x.y"), ["x.y.a.test", "x.y"]);
        assert_eq!(with("").candidates("x.y"), ["x.y"]);
    }
}
