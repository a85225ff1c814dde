//! What an answer of the DNS says about a service.

use domain::base::Message;
use domain::base::iana::Rcode;
use domain::rdata::Srv;

/// One SRV record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServiceRecord {
    pub(super) priority: u16,
    pub(super) weight: u16,
    /// Without a dot at its end; the DNS allows any byte in it.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// The SRV records of an answer; none when the name does not exist or has none; an error when another server may know
/// better.
pub(super) fn records(message: &Message<Vec<u8>>) -> Result<Option<Vec<ServiceRecord>>, String> {
    match message.header().rcode() {
        Rcode::NOERROR => {}
        Rcode::NXDOMAIN => return Ok(None),
        other => return Err(format!("the server answers {other}")),
    }
    let broken = |_| "the answer is malformed".to_owned();
    // An alias is followed to the name that owns the records; the answer carries the whole way.
    let owner = message
        .canonical_name()
        .ok_or("the answer's aliases lead nowhere")?;
    let mut records = Vec::new();
    for record in message.answer().map_err(broken)?.limit_to_in::<Srv<_>>() {
        let record = record.map_err(broken)?;
        let service = record.data();
        // A root target says that the service is decidedly not there (RFC 2782).
        if *record.owner() == owner && !service.target().is_root() {
            records.push(ServiceRecord {
                priority: service.priority(),
                weight: service.weight(),
                host: service.target().to_string(),
                port: service.port(),
            });
        }
    }
    Ok((!records.is_empty()).then_some(records))
}
