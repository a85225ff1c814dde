//! What figures are told apart by. No value is taken from a request: a client cannot make up series.

use prometheus_client::encoding::EncodeLabelSet;

/// What was done to the store: `get`, `getRecursive`, or the action of an event (keys-api 2.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ActionLabel {
    /// The word of the wire, never taken from a request.
    pub action: &'static str,
}

/// What was asked of the disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OperationLabel {
    /// A word of `node::watchdog::Work`.
    pub operation: &'static str,
}

/// A damaged part of the store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DamageLabel {
    /// The column family.
    pub column: &'static str,
    /// The table; empty where only single rows are known.
    pub file: String,
}

/// Why something is refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabel {
    /// A word of `node::refusal::RefusalKind`, or `failed`; of `transport`, why a stream is refused.
    pub reason: &'static str,
}

/// One kind of answered request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabel {
    /// The method, `other` for one that is not of the API: a client cannot make up series.
    pub method: &'static str,
    /// The status of the answer.
    pub code: u16,
}
