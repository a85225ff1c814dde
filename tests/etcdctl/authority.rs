//! An authority made on the spot, two servers that prove themselves with what it signed, and the files of their clients.

use std::fs;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::{WebPkiClientVerifier, danger::ClientCertVerifier};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// Who signs certificates for 127.0.0.1.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    files: TempDir,
}

impl Authority {
    /// A new one, with its certificate in `ca.pem`, that of a client in `client.pem`, and its key in `client.key`.
    pub(crate) fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are valid names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("the machine has random numbers");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a key can sign");
        let files = tempfile::tempdir().expect("a temporary directory can be made");
        let authority = Authority { issuer, files };
        let (cert, key) = authority.issue("client");
        authority.write("ca.pem", &authority.issuer.pem());
        authority.write("client.pem", &cert.pem());
        authority.write("client.key", &key.serialize_pem());
        authority
    }

    /// Where a file is.
    pub(crate) fn file(&self, name: &str) -> String {
        self.files.path().join(name).display().to_string()
    }

    /// The server's side of TLS, with a certificate for `host`; it wants one of its clients when `mutual`.
    pub(crate) fn server(&self, host: &str, mutual: bool) -> Arc<ServerConfig> {
        let provider = Arc::new(ring::default_provider());
        let verifier: Arc<dyn ClientCertVerifier> = if mutual {
            let mut roots = RootCertStore::empty();
            roots
                .add(self.issuer.der().clone())
                .expect("an authority's certificate can be trusted");
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .expect("there is a root")
        } else {
            WebPkiClientVerifier::no_client_auth()
        };
        let (cert, key) = self.issue(host);
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("the key is PKCS#8");
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring knows them")
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("the key fits the certificate");
        Arc::new(config)
    }

    fn issue(&self, host: &str) -> (rcgen::Certificate, KeyPair) {
        let params = CertificateParams::new(vec![host.to_owned()]).expect("it is a valid name");
        let key = KeyPair::generate().expect("the machine has random numbers");
        let cert = params
            .signed_by(&key, &self.issuer)
            .expect("a key can sign");
        (cert, key)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.file(name), text).expect("a file can be made in a temporary directory");
    }
}
