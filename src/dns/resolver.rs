//! Whom we ask for SRV records: the servers of `/etc/resolv.conf`, or one named by address.
//!
//! Servers are asked in turn, as the C library does, and so are the names of the search list.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use domain::base::Name;
use domain::resolv::stub::conf::{ResolvConf, ServerConf, Transport};

use super::answer::{ServiceRecord, records};
use super::query::{self, QueryOptions};
use crate::bounded;
use crate::os_error::reason;

const RESOLV_CONF: &str = "/etc/resolv.conf";
const RESOLV_CONF_BYTES: u64 = 64 << 10;

/// The C library's bounds for `options timeout`, whatever the file says.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// Asks DNS servers.
#[derive(Clone, Debug)]
pub struct Resolver {
    servers: Vec<SocketAddr>,
    /// How often the whole list is gone through.
    rounds: usize,
    options: QueryOptions,
    /// What is tried behind a name that is not found as it stands.
    search: Vec<String>,
    /// A name with fewer dots than this is tried with the search list first.
    ndots: usize,
}

/// Why one name gave no SRV records.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("lookup {name}{}: {reason}", server.as_ref().map(|at| format!(" on {at}")).unwrap_or_default())]
pub struct LookupError {
    /// The name looked up.
    pub name: String,
    /// The DNS server that was asked last, if it came to that.
    pub server: Option<String>,
    /// What went wrong.
    pub reason: String,
}

/// What one question led to.
enum LookupAnswer {
    Found(Vec<ServiceRecord>),
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
        Resolver::among(&[address])
    }

    /// Asks these servers in turn.
    pub(crate) fn among(addresses: &[SocketAddr]) -> Resolver {
        let server = |address: &SocketAddr| ServerConf::new(*address, Transport::UdpTcp);
        let mut conf = ResolvConf::new();
        conf.servers = addresses.iter().map(server).collect();
        Resolver::with(conf)
    }

    fn read(path: &Path) -> Resolver {
        let text = fs::File::open(path).and_then(|file| bounded::read(file, RESOLV_CONF_BYTES));
        let text = text.unwrap_or_default();
        Resolver::with(parse(&String::from_utf8_lossy(&text)))
    }

    fn with(mut conf: ResolvConf) -> Resolver {
        conf.finalize();
        let options = &conf.options;
        let search = options.search.as_slice().iter();
        Resolver {
            servers: conf.servers.iter().map(|server| server.addr).collect(),
            rounds: options.attempts.clamp(1, 5),
            options: QueryOptions {
                patience: options.timeout.clamp(SHORTEST, LONGEST),
                tcp_only: options.use_vc,
            },
            search: search
                .filter(|suffix| !suffix.is_root())
                .map(ToString::to_string)
                .collect(),
            ndots: options.ndots,
        }
    }

    /// The SRV records of a name in the order to try them, each once.
    pub(crate) async fn services(&self, name: &str) -> Result<Vec<ServiceRecord>, LookupError> {
        let mut absent = None;
        for candidate in self.candidates(name) {
            match self.ask(&candidate).await? {
                LookupAnswer::Found(records) => return Ok(in_order(records)),
                LookupAnswer::Absent(server) => {
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
    async fn ask(&self, name: &str) -> Result<LookupAnswer, LookupError> {
        let failed = |server: Option<SocketAddr>, reason: String| LookupError {
            name: name.to_owned(),
            server: server.map(|address| address.to_string()),
            reason,
        };
        let question: Name<Vec<u8>> = Name::from_str(name)
            .map_err(|error| failed(None, format!("this is no domain name: {error}")))?;
        let mut last = failed(None, "there is no DNS server to ask".to_owned());
        for _ in 0..self.rounds {
            for server in &self.servers {
                let outcome = match query::ask(*server, &question, self.options).await {
                    Ok(answer) => records(&answer),
                    Err(error) => Err(reason(&error)),
                };
                match outcome {
                    Ok(None) => return Ok(LookupAnswer::Absent(server.to_string())),
                    Ok(Some(records)) => return Ok(LookupAnswer::Found(records)),
                    Err(reason) => last = failed(Some(*server), reason),
                }
            }
        }
        Err(last)
    }
}

/// The lowest priority first, then the weight that RFC 2782's dice would favour; the rest makes the order total.
fn in_order(mut records: Vec<ServiceRecord>) -> Vec<ServiceRecord> {
    records.sort_by(|a, b| {
        let left = (a.priority, b.weight, &a.host, a.port);
        left.cmp(&(b.priority, a.weight, &b.host, b.port))
    });
    records.dedup();
    records
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
        resolver.servers.iter().map(ToString::to_string).collect()
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
        assert!(!resolver.options.tcp_only);
        assert!(Resolver::with(parse("options use-vc")).options.tcp_only);
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
