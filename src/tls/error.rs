//! Why TLS cannot be set up: files that cannot be read, certificates and keys that cannot be used.

use std::path::PathBuf;

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
