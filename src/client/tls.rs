//! How we speak TLS: whom we trust, who we are, which name the server must prove.
//!
//! Files named by the user are read and checked at once, before any request, so that a wrong path is not mistaken for
//! a cluster that is down. The system's certificate store is read only when the first https endpoint is dialled.

mod verifier;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use super::dial::{DialError, reason};
use crate::bounded;
use verifier::Verifier;
pub(super) use verifier::is_authority_as_server;

/// Files that say whom we trust and who we are. An empty path counts as none.
#[derive(Clone, Debug, Default)]
pub struct TlsFiles {
    /// Our certificate and the chain above it, PEM.
    pub cert: Option<PathBuf>,
    /// Its private key, PEM: PKCS#8, SEC1 or PKCS#1, not encrypted.
    pub key: Option<PathBuf>,
    /// The authorities we trust, PEM. None: those of the system.
    pub ca: Option<PathBuf>,
}

/// How to speak TLS. Clones share what was loaded. The default shows no certificate and trusts the system's authorities.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    material: Arc<Material>,
    server_name: Option<ServerName<'static>>,
}

#[derive(Debug, Default)]
struct Material {
    identity: Option<Arc<SingleCertAndKey>>,
    trust: Trust,
    config: OnceCell<Arc<ClientConfig>>,
}

/// Whose certificates we accept.
#[derive(Debug, Default)]
enum Trust {
    /// Those of the system's authorities, once somebody needs them.
    #[default]
    System,
    /// Those of the CA file.
    Named(Arc<Verifier>),
    /// Nobody's: there is no certificate in the CA file. The original takes such a file, so whoever speaks plain http
    /// is not stopped by it.
    Nobody(PathBuf),
}

/// Why TLS cannot be set up as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A certificate without its key, or a key without its certificate (wording of the original, etcdctl reference 3).
    #[error(
        "KeyFile and CertFile must both be present[key: {}, cert: {}]",
        key.display(),
        cert.display()
    )]
    Incomplete {
        /// The key file, or nothing.
        key: PathBuf,
        /// The certificate file, or nothing.
        cert: PathBuf,
    },
    /// A file that cannot be read.
    #[error("open {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        reason: String,
    },
    /// A file that should hold certificates and holds none.
    #[error(
        "{}: there is no certificate in it; it must hold PEM sections that begin with BEGIN CERTIFICATE",
        path.display()
    )]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A certificate nobody can read.
    #[error("{}: certificate {number} cannot be used: {reason}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Which of its certificates, counted from 1.
        number: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A key file without a usable private key.
    #[error(
        "{}: there is no usable private key in it ({reason}); it must be PEM, PKCS#8, SEC1 or PKCS#1, not encrypted",
        path.display()
    )]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The key is that of another certificate.
    #[error("{} is not the private key of the certificate in {}", key.display(), cert.display())]
    Mismatch {
        /// The key file.
        key: PathBuf,
        /// The certificate file.
        cert: PathBuf,
    },
    /// A name that no certificate can carry.
    #[error(
        "{name:?} cannot be the name of a TLS server: it is neither a host name nor an address"
    )]
    ServerName {
        /// The name.
        name: String,
    },
}

impl Tls {
    /// Reads and checks the files.
    ///
    /// # Errors
    /// For a file that cannot be read or used, and for a certificate without key or the reverse.
    pub fn load(files: &TlsFiles) -> Result<Tls, TlsError> {
        let identity = match (given(&files.cert), given(&files.key)) {
            (None, None) => None,
            (Some(cert), Some(key)) => Some(Arc::new(identity(cert, key)?)),
            (cert, key) => {
                return Err(TlsError::Incomplete {
                    key: key.map(Path::to_owned).unwrap_or_default(),
                    cert: cert.map(Path::to_owned).unwrap_or_default(),
                });
            }
        };
        let trust = match given(&files.ca) {
            None => Trust::System,
            Some(path) => authorities(path)?,
        };
        Ok(Tls {
            material: Arc::new(Material {
                identity,
                trust,
                config: OnceCell::new(),
            }),
            server_name: None,
        })
    }

    /// Makes every https endpoint prove this name instead of its host: with secure DNS discovery the domain is what
    /// the user trusts, not the hosts the DNS answered with.
    ///
    /// # Errors
    /// When the text is neither a host name nor an address.
    pub fn with_server_name(self, name: &str) -> Result<Tls, TlsError> {
        Ok(Tls {
            server_name: Some(server_name(name)?),
            ..self
        })
    }

    /// The name the server at `host` must prove.
    pub(super) fn expected_name(&self, host: &str) -> Result<ServerName<'static>, TlsError> {
        match &self.server_name {
            Some(name) => Ok(name.clone()),
            None => server_name(host),
        }
    }

    /// The settings of every handshake, made on first use.
    pub(super) async fn config(&self) -> Result<Arc<ClientConfig>, DialError> {
        let material = &self.material;
        let made = material.config.get_or_try_init(|| async {
            let verifier: Arc<dyn ServerCertVerifier> = match &material.trust {
                Trust::Named(named) => named.clone(),
                Trust::System => webpki(system_authorities().await?),
                Trust::Nobody(path) => {
                    return Err(DialError::Authorities {
                        reason: format!("there is no certificate in {}", path.display()),
                    });
                }
            };
            Ok(Arc::new(client_config(verifier, material.identity.clone())))
        });
        made.await.cloned()
    }
}

fn client_config(
    verifier: Arc<dyn ServerCertVerifier>,
    identity: Option<Arc<SingleCertAndKey>>,
) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        Some(identity) => builder.with_client_cert_resolver(identity),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

fn webpki(roots: RootCertStore) -> Arc<WebPkiServerVerifier> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .expect("there is an authority, and no revocation list that could be wrong")
}

/// Chosen by name: a process-wide default would depend on who else links rustls.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn given(path: &Option<PathBuf>) -> Option<&Path> {
    path.as_deref().filter(|path| !path.as_os_str().is_empty())
}

/// A trailing dot belongs to the DNS, not to certificates.
pub(super) fn server_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    let bare = name.strip_suffix('.').unwrap_or(name);
    ServerName::try_from(bare.to_owned()).map_err(|_| TlsError::ServerName {
        name: name.to_owned(),
    })
}

/// The authorities of a whole system take a quarter of it.
const PEM_BYTES: u64 = 4 << 20;

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let content = fs::File::open(path).and_then(|file| bounded::read(file, PEM_BYTES));
    content.map_err(|error| TlsError::Read {
        path: path.to_owned(),
        reason: reason(&error),
    })
}

/// Every certificate of a file, in its order; at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| TlsError::Certificate {
            path: path.to_owned(),
            number: found.len() + 1,
            reason: error.to_string(),
        })?;
        found.push(certificate);
    }
    if found.is_empty() {
        return Err(TlsError::NoCertificate {
            path: path.to_owned(),
        });
    }
    Ok(found)
}

fn identity(cert: &Path, key: &Path) -> Result<SingleCertAndKey, TlsError> {
    let chain = certificates(cert)?;
    let unusable = |reason: String| TlsError::Key {
        path: key.to_owned(),
        reason,
    };
    let private =
        PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| unusable(error.to_string()))?;
    match CertifiedKey::from_der(chain, private, &provider()) {
        Ok(pair) => Ok(SingleCertAndKey::from(pair)),
        Err(rustls::Error::InconsistentKeys(_)) => Err(TlsError::Mismatch {
            key: key.to_owned(),
            cert: cert.to_owned(),
        }),
        Err(rustls::Error::InvalidCertificate(error)) => Err(TlsError::Certificate {
            path: cert.to_owned(),
            number: 1,
            reason: error.to_string(),
        }),
        Err(error) => Err(unusable(error.to_string())),
    }
}

fn authorities(path: &Path) -> Result<Trust, TlsError> {
    let named = match certificates(path) {
        Err(TlsError::NoCertificate { path }) => return Ok(Trust::Nobody(path)),
        named => named?,
    };
    let mut store = RootCertStore::empty();
    for (index, certificate) in named.iter().enumerate() {
        let added = store.add(certificate.clone());
        added.map_err(|error| TlsError::Certificate {
            path: path.to_owned(),
            number: index + 1,
            reason: error.to_string(),
        })?;
    }
    Ok(Trust::Named(Arc::new(Verifier::new(webpki(store), named))))
}

/// The certificate store of this system, without the odd certificate rustls cannot read.
async fn system_authorities() -> Result<RootCertStore, DialError> {
    let loaded = spawn_blocking(rustls_native_certs::load_native_certs)
        .await
        .map_err(|error| DialError::Authorities {
            reason: error.to_string(),
        })?;
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(loaded.certs);
    if store.is_empty() {
        let reason = loaded.errors.first().map_or_else(
            || "there is none on this system".to_owned(),
            ToString::to_string,
        );
        return Err(DialError::Authorities { reason });
    }
    Ok(store)
}

#[cfg(test)]
mod tests;
