//! Certificates made on the spot: authorities, and what they sign.

use std::fs;
use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use tempfile::TempDir;

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

    /// A file that lives as long as the authority.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, text).expect("a temporary directory takes files");
        path
    }
}
