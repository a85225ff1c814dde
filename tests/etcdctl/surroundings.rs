//! What there is besides the twins: ports where nobody listens, servers with fixed answers, certificates.

use tokio_rustls::TlsAcceptor;

use super::authority::Authority;
use super::canned::react;
use super::side::Variable;
use super::support::fake::{Fake, Refusing};

/// All of it, for one file of the table.
pub(crate) struct Surroundings {
    dead: [Refusing; 2],
    canned: Fake,
    trusted: Authority,
    other: Authority,
    /// Behind TLS; wanting a certificate; with one for another host.
    secure: [Fake; 3],
}

impl Surroundings {
    pub(crate) fn new() -> Surroundings {
        let trusted = Authority::new("trusted");
        let secure = [
            ("127.0.0.1", false),
            ("127.0.0.1", true),
            ("other.example", false),
        ];
        Surroundings {
            dead: [Refusing::new(), Refusing::new()],
            canned: Fake::start(|request| react(request, "http")),
            secure: secure.map(|(host, mutual)| {
                let acceptor = TlsAcceptor::from(trusted.server(host, mutual));
                Fake::start_tls(acceptor, |request| react(request, "https"))
            }),
            trusted,
            other: Authority::new("other"),
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
        vec![
            ("DEAD", "dead", self.dead[0].address.to_string()),
            ("DEAD2", "dead2", self.dead[1].address.to_string()),
            ("CANNED", "canned", self.canned.url()),
            ("TLS", "tls", tls.url()),
            ("MUTUAL", "mutual", mutual.url()),
            ("MISNAMED", "misnamed", misnamed.url()),
            ("CA", "ca", self.trusted.file("ca.pem")),
            ("CERT", "cert", self.trusted.file("client.pem")),
            ("KEY", "key", self.trusted.file("client.key")),
            ("OTHER_CA", "other ca", self.other.file("ca.pem")),
            ("OTHER_CERT", "other cert", self.other.file("client.pem")),
            ("OTHER_KEY", "other key", self.other.file("client.key")),
        ]
    }
}
