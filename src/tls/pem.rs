//! PEM files: certificates and private keys, each error with its path.

use std::fs;
use std::path::Path;

use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::TlsError;
use crate::bounded;
use crate::os_error::reason;

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
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
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

/// The private key of a file: PKCS#8, SEC1 or PKCS#1, not encrypted.
pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|error| TlsError::Key {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}
