//! Whom we trust: the authorities of a CA file, or those of the system.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task::spawn_blocking;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;

use super::error::TlsError;
use super::pem::certificates;
use super::provider::provider;
use super::verifier::Verifier;

/// Whose certificates we accept.
#[derive(Debug, Default)]
pub(super) enum Trust {
    /// Those of the system's authorities, once somebody needs them.
    #[default]
    System,
    /// Those of the CA file.
    Named(Arc<Verifier>),
    /// Nobody's: there is no certificate in the CA file. The original takes such a file, so whoever speaks plain http
    /// is not stopped by it.
    Nobody(PathBuf),
}

/// There is nobody to trust.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct NoAuthority {
    /// What happened to the CA file or to the system's store.
    pub(crate) reason: String,
}

impl Trust {
    /// The authorities of a CA file.
    pub(super) fn read(path: &Path) -> Result<Trust, TlsError> {
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

    /// The judge of servers. For the system's authorities, their store is read now.
    pub(super) async fn verifier(&self) -> Result<Arc<dyn ServerCertVerifier>, NoAuthority> {
        match self {
            Trust::Named(named) => Ok(named.clone()),
            Trust::System => Ok(webpki(system_authorities().await?)),
            Trust::Nobody(path) => Err(NoAuthority {
                reason: format!("there is no certificate in {}", path.display()),
            }),
        }
    }
}

fn webpki(roots: RootCertStore) -> Arc<WebPkiServerVerifier> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .expect("there is an authority, and no revocation list that could be wrong")
}

/// The certificate store of this system, without the odd certificate rustls cannot read.
async fn system_authorities() -> Result<RootCertStore, NoAuthority> {
    let loaded = spawn_blocking(rustls_native_certs::load_native_certs)
        .await
        .map_err(|error| NoAuthority {
            reason: error.to_string(),
        })?;
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(loaded.certs);
    if store.is_empty() {
        let reason = loaded.errors.first().map_or_else(
            || "there is none on this system".to_owned(),
            ToString::to_string,
        );
        return Err(NoAuthority { reason });
    }
    Ok(store)
}
