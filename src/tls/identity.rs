//! Who we are: a certificate with the chain above it, and the private key that belongs to it.

use std::path::Path;

use tokio_rustls::rustls;
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::error::TlsError;
use super::pem::{certificates, private_key};
use super::provider::provider;

/// Reads both files and holds them against each other.
pub(super) fn identity(cert: &Path, key: &Path) -> Result<SingleCertAndKey, TlsError> {
    match CertifiedKey::from_der(certificates(cert)?, private_key(key)?, &provider()) {
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
        Err(error) => Err(TlsError::Key {
            path: key.to_owned(),
            reason: error.to_string(),
        }),
    }
}
