//! What there is besides the twins: ports where nobody listens, servers with fixed answers, certificates.

use std::path::Path;

use super::canned::react;
use super::side::Variable;
use super::support::authority::{Authority, Pair, Time, VERSIONS};
use super::support::fake::{Fake, Refusing};

/// All of it, for one file of the table.
pub(crate) struct Surroundings {
    dead: [Refusing; 2],
    canned: Fake,
    /// Two authorities, and what a client of each shows.
    trusted: (Authority, Pair),
    other: (Authority, Pair),
    /// Behind TLS; wanting a certificate; with one for another host.
    secure: [Fake; 3],
}

impl Surroundings {
    pub(crate) fn new() -> Surroundings {
        let (trusted, other) = (client_of("trusted"), client_of("other"));
        let secure = [
            ("127.0.0.1", None),
            ("127.0.0.1", Some(&trusted.0)),
            ("other.example", None),
        ];
        let secure = secure.map(|(host, clients)| {
            let pair = trusted.0.issue("server", &[host], Time::Now);
            let acceptor = pair.acceptor(clients, VERSIONS);
            Fake::start_tls(acceptor, |request| react(request, "https"))
        });
        Surroundings {
            dead: [Refusing::new(), Refusing::new()],
            canned: Fake::start(|request| react(request, "http")),
            secure,
            trusted,
            other,
        }
    }

    /// The shell's variables and the placeholders of expectations.
    ///
    /// | variable | is |
    /// |---|---|
    /// | `$DEAD`, `$DEAD2` | `host:port` pairs that refuse connections |
    /// | `$CANNED`, `$TLS` | the server of `canned.rs`, in plain text and behind TLS |
    /// | `$MUTUAL` | the same, wanting a certificate of its client |
    /// | `$MISNAMED` | the same with a certificate for another host |
    /// | `$CA`, `$CERT`, `$KEY` | files of a client that they trust |
    /// | `$OTHER_CA`, `$OTHER_CERT`, `$OTHER_KEY` | files that go with another authority |
    pub(crate) fn variables(&self) -> Vec<Variable> {
        let [tls, mutual, misnamed] = &self.secure;
        let ((ca, pair), (other_ca, other_pair)) = (&self.trusted, &self.other);
        vec![
            ("DEAD", "dead", self.dead[0].address.to_string()),
            ("DEAD2", "dead2", self.dead[1].address.to_string()),
            ("CANNED", "canned", self.canned.url()),
            ("TLS", "tls", tls.url()),
            ("MUTUAL", "mutual", mutual.url()),
            ("MISNAMED", "misnamed", misnamed.url()),
            ("CA", "ca", shown(&ca.file())),
            ("CERT", "cert", shown(&pair.cert)),
            ("KEY", "key", shown(&pair.key)),
            ("OTHER_CA", "other ca", shown(&other_ca.file())),
            ("OTHER_CERT", "other cert", shown(&other_pair.cert)),
            ("OTHER_KEY", "other key", shown(&other_pair.key)),
        ]
    }
}

fn client_of(name: &str) -> (Authority, Pair) {
    let authority = Authority::new(name);
    let pair = authority.issue("client", &["client"], Time::Now);
    (authority, pair)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
