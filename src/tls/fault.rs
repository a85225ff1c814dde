//! What a failed handshake means, in the words users of the original know (etcdctl reference 7.2).

use std::io;

use jiff::Timestamp;
use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::{AlertDescription, CertificateError, Error as Rustls};

use super::verifier::is_authority_as_server;

/// What is wrong with a server's certificate: each calls for another remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateFault {
    /// No authority that we trust has signed it.
    Authority,
    /// It is for other names.
    Name,
    /// Its time is over, or has not come.
    Time,
    /// Anything else.
    Other,
}

impl CertificateFault {
    /// The kind that `fault` is of.
    pub(crate) fn of(fault: &CertificateError) -> CertificateFault {
        match fault {
            CertificateError::UnknownIssuer => CertificateFault::Authority,
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => CertificateFault::Time,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                CertificateFault::Name
            }
            _ if is_authority_as_server(fault) => CertificateFault::Authority,
            _ => CertificateFault::Other,
        }
    }
}

/// What TLS says inside an I/O error.
pub(crate) fn rustls_error(error: &io::Error) -> Option<&Rustls> {
    error.get_ref()?.downcast_ref()
}

/// What the server's last word was, when `error` is a TLS alert. With TLS 1.3 a server judges our certificate after
/// the handshake, so its refusal arrives where the first response should.
pub(crate) fn alert_in(error: &io::Error) -> Option<String> {
    match rustls_error(error)? {
        Rustls::AlertReceived(alert) => Some(format!("remote error: tls: {}", alert_words(*alert))),
        _ => None,
    }
}

/// The words of the original where it has some.
pub(crate) fn certificate_words(fault: &CertificateError) -> String {
    match fault {
        CertificateError::UnknownIssuer => "certificate signed by unknown authority".to_owned(),
        CertificateError::ExpiredContext { time, not_after } => format!(
            "certificate has expired or is not yet valid: current time {} is after {}",
            date(*time),
            date(*not_after)
        ),
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "certificate has expired or is not yet valid: current time {} is before {}",
            date(*time),
            date(*not_before)
        ),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => name_words(&expected.to_str(), presented),
        CertificateError::BadSignature => {
            "certificate or handshake with a bad signature: the server may not hold its key"
                .to_owned()
        }
        CertificateError::Other(_) if is_authority_as_server(fault) => {
            "certificate signed by unknown authority: the server shows the certificate of an \
             authority, which must be in the CA file itself"
                .to_owned()
        }
        other => other.to_string(),
    }
}

/// A time as people read it; what no calendar has stays a number.
fn date(time: UnixTime) -> String {
    let seconds = time.as_secs();
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .map_or_else(|| seconds.to_string(), |time| time.to_string())
}

fn name_words(wanted: &str, presented: &[String]) -> String {
    if presented.is_empty() {
        return format!("certificate is not valid for any names, but wanted to match {wanted}");
    }
    let names: Vec<&str> = presented.iter().map(|name| bare_name(name)).collect();
    format!(
        "certificate is valid for {}, not {wanted}",
        names.join(", ")
    )
}

/// rustls hands the names over as `DnsName("host")` and `IpAddress(127.0.0.1)`.
fn bare_name(presented: &str) -> &str {
    presented
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .unwrap_or(presented)
        .trim_matches('"')
}

/// Whether the peer complains about our certificate.
pub(crate) fn is_about_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateRequired
    )
}

/// The alerts an operator may meet, in the words he can search for; the rest by number.
pub(crate) fn alert_words(alert: AlertDescription) -> String {
    let words = match alert {
        AlertDescription::UnexpectedMessage => "unexpected message",
        AlertDescription::BadRecordMac => "bad record MAC",
        AlertDescription::HandshakeFailure => "handshake failure",
        AlertDescription::BadCertificate => "bad certificate",
        AlertDescription::UnsupportedCertificate => "unsupported certificate",
        AlertDescription::CertificateRevoked => "revoked certificate",
        AlertDescription::CertificateExpired => "expired certificate",
        AlertDescription::CertificateUnknown => "unknown certificate",
        AlertDescription::IllegalParameter => "illegal parameter",
        AlertDescription::UnknownCA => "unknown certificate authority",
        AlertDescription::AccessDenied => "access denied",
        AlertDescription::DecodeError => "error decoding message",
        AlertDescription::DecryptError => "error decrypting message",
        AlertDescription::ProtocolVersion => "protocol version not supported",
        AlertDescription::InsufficientSecurity => "insufficient security level",
        AlertDescription::InternalError => "internal error",
        AlertDescription::UserCanceled => "user canceled",
        AlertDescription::UnrecognisedName => "unrecognized name",
        AlertDescription::CertificateRequired => "certificate required",
        AlertDescription::NoApplicationProtocol => "no application protocol",
        other => return format!("alert {}", u8::from(other)),
    };
    words.to_owned()
}
