//! What there is besides the twins: ports where nobody listens, servers with fixed answers, certificates.

use std::net::SocketAddr;

use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketType};

use super::authority::Authority;
use super::canned::Canned;
use super::side::Variable;

/// All of it, for one file of the table.
pub(crate) struct Surroundings {
    dead: [Dead; 2],
    canned: Canned,
    trusted: Authority,
    other: Authority,
    /// Behind TLS; wanting a certificate; with one for another host.
    secure: [Canned; 3],
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
            dead: [Dead::new(), Dead::new()],
            canned: Canned::start(),
            secure: secure.map(|(host, mutual)| Canned::start_tls(trusted.server(host, mutual))),
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

/// A loopback port that refuses connections for as long as this lives: it is bound, and nobody listens.
struct Dead {
    address: SocketAddr,
    _socket: OwnedFd,
}

impl Dead {
    fn new() -> Dead {
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)
            .expect("a socket can be made");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        rustix::net::bind(&socket, &any).expect("a loopback port is free");
        let address = rustix::net::getsockname(&socket).expect("a bound socket has an address");
        Dead {
            address: address
                .try_into()
                .expect("an address of the family asked for"),
            _socket: socket,
        }
    }
}
