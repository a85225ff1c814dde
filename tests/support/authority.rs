//! Certificates made on the spot: authorities, what they sign, and servers that prove themselves with it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use etcd2::client::TlsFiles;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{WebPkiClientVerifier, danger::ClientCertVerifier};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

/// The versions of TLS that are in use.
pub(crate) const VERSIONS: &[&SupportedProtocolVersion] = &[&TLS12, &TLS13];

/// Somebody who signs certificates, and a directory for the files.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: TempDir,
}

/// The files of a certificate and its key.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

/// When a certificate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Time {
    Now,
    Over,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no name is a good list");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("keys can be made");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a key signs itself");
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        Authority { issuer, directory }
    }

    /// The file that says whom to trust.
    pub(crate) fn file(&self) -> PathBuf {
        self.write("ca.pem", &self.issuer.pem())
    }

    /// The files of a client that trusts this authority.
    pub(crate) fn trust(&self) -> TlsFiles {
        TlsFiles {
            ca: Some(self.file()),
            ..TlsFiles::default()
        }
    }

    /// The server's side of TLS on 127.0.0.1, for whoever trusts this authority.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.issue("server", &["127.0.0.1"], Time::Now)
            .acceptor(None, VERSIONS)
    }

    /// A certificate for these names and addresses.
    pub(crate) fn issue(&self, name: &str, holds: &[&str], time: Time) -> Pair {
        let holds: Vec<String> = holds.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(holds).expect("the names are good");
        params.distinguished_name.push(DnType::CommonName, name);
        if time == Time::Over {
            params.not_before = date_time_ymd(2001, 1, 1);
            params.not_after = date_time_ymd(2002, 1, 1);
        }
        let key = KeyPair::generate().expect("keys can be made");
        let signed = params.signed_by(&key, &self.issuer);
        Pair {
            cert: self.write(
                &format!("{name}.pem"),
                &signed.expect("it can be signed").pem(),
            ),
            key: self.write(&format!("{name}-key.pem"), &key.serialize_pem()),
        }
    }

    fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        let mut roots = RootCertStore::empty();
        roots
            .add(self.issuer.der().clone())
            .expect("it is an authority");
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        verifier.build().expect("there is an authority")
    }

    /// A file that lives as long as the authority.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, text).expect("a temporary directory takes files");
        path
    }
}

impl Pair {
    /// The server's side of TLS with this certificate; it takes only clients that `clients` has signed.
    pub(crate) fn acceptor(
        &self,
        clients: Option<&Authority>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> TlsAcceptor {
        let verifier = clients.map_or_else(WebPkiClientVerifier::no_client_auth, |authority| {
            authority.verifier()
        });
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .expect("ring speaks them")
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![CertificateDer::from_pem_file(&self.cert).expect("we wrote it")],
                PrivateKeyDer::from_pem_file(&self.key).expect("we wrote it"),
            )
            .expect("they belong together");
        TlsAcceptor::from(Arc::new(config))
    }
}
