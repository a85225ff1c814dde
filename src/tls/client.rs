//! How a client speaks TLS: whom it trusts, who it is, which name the server must prove.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::OnceCell;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::sign::SingleCertAndKey;

use super::authority::{NoAuthority, Trust};
use super::error::TlsError;
use super::identity::identity;
use super::provider::provider;

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
            Some(path) => Trust::read(path)?,
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
    pub(crate) fn expected_name(&self, host: &str) -> Result<ServerName<'static>, TlsError> {
        match &self.server_name {
            Some(name) => Ok(name.clone()),
            None => server_name(host),
        }
    }

    /// The settings of every handshake, made on first use.
    pub(crate) async fn config(&self) -> Result<Arc<ClientConfig>, NoAuthority> {
        let material = &self.material;
        let made = material.config.get_or_try_init(|| async {
            let verifier = material.trust.verifier().await?;
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

fn given(path: &Option<PathBuf>) -> Option<&Path> {
    path.as_deref().filter(|path| !path.as_os_str().is_empty())
}

/// A trailing dot belongs to the DNS, not to certificates.
pub(crate) fn server_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    let bare = name.strip_suffix('.').unwrap_or(name);
    ServerName::try_from(bare.to_owned()).map_err(|_| TlsError::ServerName {
        name: name.to_owned(),
    })
}

#[cfg(test)]
mod tests;
