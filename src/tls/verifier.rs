//! Judges servers against the authorities of a CA file, taking a server that is its own authority.
//!
//! `openssl req -x509` marks what it makes as a certificate authority, and many a small cluster shows that very
//! certificate and names it as the CA file. The original takes it; webpki refuses an authority as a server on
//! principle. Here it passes when the server shows, byte for byte, a certificate the user named, within its time and
//! for the right name; that the server holds the key is proved by the handshake as always.

use std::sync::Arc;

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

/// webpki with the one exception.
#[derive(Debug)]
pub(super) struct Verifier {
    webpki: Arc<WebPkiServerVerifier>,
    /// The certificates of the CA file.
    named: Vec<CertificateDer<'static>>,
}

impl Verifier {
    /// `webpki` must trust exactly the `named` certificates.
    pub(super) fn new(
        webpki: Arc<WebPkiServerVerifier>,
        named: Vec<CertificateDer<'static>>,
    ) -> Verifier {
        Verifier { webpki, named }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self.webpki.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verdict {
            Err(Error::InvalidCertificate(fault))
                if is_authority_as_server(&fault) && self.named.contains(end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

/// Whether webpki's only complaint so far is that an authority stands where a server should. It looks at the dates
/// before that, so they are good (a test holds it to this order). rustls does not export webpki's type, only its
/// name in debug output; should the name ever change, such servers are refused again and a test fails.
pub(super) fn is_authority_as_server(fault: &CertificateError) -> bool {
    match fault {
        CertificateError::Other(other) => format!("{:?}", other.0) == "CaUsedAsEndEntity",
        _ => false,
    }
}
