//! Certificates for tests: authorities made on the spot, and servers that present what they signed.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::TlsFiles;

/// Somebody who signs certificates.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: TempDir,
}

/// A certificate with its key, PEM.
pub(crate) struct Pair {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        Authority {
            issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap(),
            dir: TempDir::new().unwrap(),
        }
    }

    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for these names and addresses.
    pub(crate) fn issue(&self, names: &[&str]) -> Pair {
        self.sign(CertificateParams::new(owned(names)).unwrap())
    }

    /// One whose time is over.
    pub(crate) fn issue_expired(&self, names: &[&str]) -> Pair {
        let mut params = CertificateParams::new(owned(names)).unwrap();
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
        self.sign(params)
    }

    /// A certificate for these names that calls itself an authority and is signed by its own key, as
    /// `openssl req -x509` makes them. Its time is over when `expired`.
    pub(crate) fn self_signed(names: &[&str], expired: bool) -> Pair {
        let mut params = CertificateParams::new(owned(names)).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        if expired {
            params.not_before = date_time_ymd(2001, 1, 1);
            params.not_after = date_time_ymd(2002, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        Pair {
            cert: params.self_signed(&key).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    fn sign(&self, params: CertificateParams) -> Pair {
        let key = KeyPair::generate().unwrap();
        Pair {
            cert: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// Writes a file that lives as long as the authority.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// The files of a client that trusts this authority.
    pub(crate) fn trust(&self) -> TlsFiles {
        TlsFiles {
            ca: Some(self.write("ca.pem", &self.pem())),
            ..TlsFiles::default()
        }
    }

    /// The files of a client that trusts this authority and shows `pair`.
    pub(crate) fn trust_as(&self, pair: &Pair) -> TlsFiles {
        TlsFiles {
            cert: Some(self.write("client.pem", &pair.cert)),
            key: Some(self.write("client-key.pem", &pair.key)),
            ..self.trust()
        }
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut store = RootCertStore::empty();
        store.add(self.issuer.der().clone()).unwrap();
        Arc::new(store)
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// How a TLS server of a test is set up.
pub(crate) struct ServerSetup<'a> {
    pub(crate) pair: &'a Pair,
    /// The authority client certificates must come from.
    pub(crate) clients: Option<&'a Authority>,
    pub(crate) versions: &'a [&'static SupportedProtocolVersion],
}

impl ServerSetup<'_> {
    fn config(&self) -> ServerConfig {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(self.versions)
            .unwrap();
        let builder = match self.clients {
            None => builder.with_no_client_auth(),
            Some(authority) => builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(authority.roots(), provider)
                    .build()
                    .unwrap(),
            ),
        };
        let chain = CertificateDer::pem_slice_iter(self.pair.cert.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .unwrap();
        let key = PrivateKeyDer::from_pem_slice(self.pair.key.as_bytes()).unwrap();
        // Not checked for a match: a test may have stolen the certificate.
        let key = ring::default_provider().key_provider.load_private_key(key);
        let shown = CertifiedKey::new(chain, key.unwrap());
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::new(self.config()))
    }

    /// Serves every connection: each line comes back behind the agreed protocol. Ends with the test's runtime.
    pub(crate) async fn serve(&self) -> SocketAddr {
        let acceptor = self.acceptor();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Ok(mut stream) = acceptor.accept(stream).await {
                        let alpn = stream.get_ref().1.alpn_protocol().unwrap_or(b"-").to_vec();
                        answer(&mut stream, &alpn).await;
                    }
                });
            }
        });
        address
    }
}

/// Reads a line and answers `GREETING LINE`. A peer that goes away earlier is none of our business.
pub(crate) async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), greeting: &[u8]) {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        match stream.read_u8().await {
            Ok(byte) => line.push(byte),
            Err(_) => return,
        }
    }
    let reply = [greeting, b" ", &line].concat();
    if stream.write_all(&reply).await.is_ok() {
        let _ = stream.shutdown().await;
    }
}
