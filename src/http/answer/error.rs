//! The only table of v2 error codes: code, message, status, and which error of the service becomes which (keys-api 3).

use hyper::StatusCode;
use storage::operation::{Condition, Refusal};
use storage::path::KeyPath;

use crate::config::Vocabulary;
use crate::json::{number, string};
use crate::service::ServiceError;

/// A code of the v2 API that this server emits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Code {
    KeyNotFound = 100,
    CompareFailed = 101,
    NotFile = 102,
    NotDirectory = 104,
    AlreadyExists = 105,
    ReadOnly = 107,
    DirectoryNotEmpty = 108,
    /// Ours: the original has no such number.
    UnknownToMember = 112,
    PrevValueRequired = 201,
    TtlNotNumber = 202,
    IndexNotNumber = 203,
    ValueOrTtlRequired = 204,
    InvalidField = 209,
    InvalidForm = 210,
    RefreshValue = 211,
    RefreshTtlRequired = 212,
    RaftInternal = 300,
    LeaderElection = 301,
    HistoryCleared = 401,
}

impl Code {
    /// The number on the wire.
    pub(crate) fn number(self) -> u16 {
        self as u16
    }

    /// The fixed sentence that clients compare with.
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::KeyNotFound => "Key not found",
            Self::CompareFailed => "Compare failed",
            Self::NotFile => "Not a file",
            Self::NotDirectory => "Not a directory",
            Self::AlreadyExists => "Key already exists",
            Self::ReadOnly => "Root is read only",
            Self::DirectoryNotEmpty => "Directory not empty",
            Self::UnknownToMember => "Not known to all members",
            Self::PrevValueRequired => "PrevValue is Required in POST form",
            Self::TtlNotNumber => "The given TTL in POST form is not a number",
            Self::IndexNotNumber => "The given index in POST form is not a number",
            Self::ValueOrTtlRequired => "Value or TTL is required in POST form",
            Self::InvalidField => "Invalid field",
            Self::InvalidForm => "Invalid POST form",
            Self::RefreshValue => "Value provided on refresh",
            Self::RefreshTtlRequired => "A TTL must be provided on refresh",
            Self::RaftInternal => "Raft Internal Error",
            Self::LeaderElection => "During Leader Election",
            Self::HistoryCleared => "The event in requested index is outdated and cleared",
        }
    }

    /// The status that goes with it; 400 unless the table says otherwise.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::KeyNotFound => StatusCode::NOT_FOUND,
            Self::NotFile | Self::DirectoryNotEmpty => StatusCode::FORBIDDEN,
            Self::UnknownToMember => StatusCode::CONFLICT,
            Self::CompareFailed | Self::AlreadyExists => StatusCode::PRECONDITION_FAILED,
            Self::RaftInternal | Self::LeaderElection => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// An error as the client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) code: Code,
    /// Bytes, since paths and values may be any; left out of the body if empty.
    pub(crate) cause: Vec<u8>,
    /// The revision it was judged at; 0 where the tree was not asked. Also the `X-Etcd-Index` of the answer.
    pub(crate) index: u64,
}

impl ApiError {
    /// A fault found before the tree was asked (keys-api 1.4).
    pub(crate) fn invalid(code: Code, cause: impl Into<Vec<u8>>) -> Self {
        Self {
            code,
            cause: cause.into(),
            index: 0,
        }
    }

    /// The form, its body or a decoded value is over its limit (keys-api 1.2).
    pub(crate) fn too_large() -> Self {
        Self::invalid(Code::InvalidForm, "http: POST too large")
    }

    /// The same, as judged at an index.
    pub(crate) fn at(self, index: u64) -> Self {
        Self { index, ..self }
    }

    /// 0.4 named the root where later versions leave it out: a compare-and-delete of it (keys-api 3.4).
    pub(crate) fn told_in(mut self, vocabulary: Vocabulary) -> Self {
        if vocabulary == Vocabulary::Classic && self.code == Code::NotFile && self.cause.is_empty()
        {
            self.cause.push(b'/');
        }
        self
    }

    /// `{"errorCode":N,"message":"…","cause":"…","index":I}` and a newline.
    pub(crate) fn body(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(96 + self.cause.len());
        out.extend_from_slice(b"{\"errorCode\":");
        number(&mut out, self.code.number().into());
        out.extend_from_slice(b",\"message\":");
        string(&mut out, self.code.message().as_bytes());
        if !self.cause.is_empty() {
            out.extend_from_slice(b",\"cause\":");
            string(&mut out, &self.cause);
        }
        out.extend_from_slice(b",\"index\":");
        number(&mut out, self.index);
        out.extend_from_slice(b"}\n");
        out
    }
}

impl From<ServiceError> for ApiError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Refused { refusal, revision } => refused(refusal, revision),
            ServiceError::HistoryCleared {
                oldest,
                requested,
                revision,
            } => {
                let cause =
                    format!("the requested history has been cleared [{oldest}/{requested}]");
                Self {
                    code: Code::HistoryCleared,
                    cause: cause.into_bytes(),
                    index: revision,
                }
            }
            ServiceError::TooLarge => Self::too_large(),
            ServiceError::UnknownToMember { .. } => {
                Self::invalid(Code::UnknownToMember, sentence(&error))
            }
            ServiceError::TimedOut
            | ServiceError::LeaderLost
            | ServiceError::TooManyRequests
            | ServiceError::Stopped
            | ServiceError::CatchingUp
            | ServiceError::Overtaken
            | ServiceError::WritesRefused(_)
            | ServiceError::StorageFailed(_) => Self::invalid(Code::RaftInternal, sentence(&error)),
        }
    }
}

/// What clients are told of an error that is not the tree's, in the words of the original where it has any.
pub(crate) fn sentence(error: &ServiceError) -> String {
    match error {
        ServiceError::TimedOut => "etcdserver: request timed out".to_owned(),
        ServiceError::LeaderLost => {
            "etcdserver: request timed out, possibly due to previous leader failure".to_owned()
        }
        ServiceError::TooManyRequests => "etcdserver: too many requests".to_owned(),
        ServiceError::Stopped => "etcdserver: server stopped".to_owned(),
        other => format!("etcdserver: {other}"),
    }
}

fn refused(refusal: Refusal, revision: u64) -> ApiError {
    let of_path = |path: &KeyPath| path.as_bytes().to_vec();
    let (code, cause) = match &refusal {
        Refusal::KeyNotFound(path) => (Code::KeyNotFound, of_path(path)),
        Refusal::CompareFailed {
            condition,
            value,
            index,
        } => (Code::CompareFailed, mismatch(condition, value, *index)),
        Refusal::NotFile(path) => (
            Code::NotFile,
            path.as_ref().map(of_path).unwrap_or_default(),
        ),
        Refusal::NotDirectory(path) => (Code::NotDirectory, of_path(path)),
        Refusal::AlreadyExists(path) => (Code::AlreadyExists, of_path(path)),
        Refusal::ReadOnly(path) => (Code::ReadOnly, of_path(path)),
        Refusal::DirectoryNotEmpty(path) => (Code::DirectoryNotEmpty, of_path(path)),
    };
    ApiError {
        code,
        cause,
        index: revision,
    }
}

/// `[given != found]` for each condition that did not hold, the value first (keys-api 3.3).
fn mismatch(condition: &Condition, value: &[u8], index: u64) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(given) = &condition.value
        && given != value
    {
        for part in [&b"["[..], given, b" != ", value, b"]"] {
            out.extend_from_slice(part);
        }
    }
    if condition.index != 0 && condition.index != index {
        if !out.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice(format!("[{} != {index}]", condition.index).as_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::service::LeastMember;

    fn body(error: impl Into<ApiError>) -> String {
        String::from_utf8(error.into().body()).unwrap()
    }

    fn compare(value: Option<&'static str>, index: u64) -> ServiceError {
        let condition = Condition {
            value: value.map(Bytes::from),
            index,
        };
        let refusal = Refusal::CompareFailed {
            condition,
            value: Bytes::from("v3"),
            index: 32,
        };
        ServiceError::Refused {
            refusal,
            revision: 32,
        }
    }

    #[test]
    fn compare_failures_name_what_did_not_match() {
        let shown = |cause: &str| {
            format!(
                "{{\"errorCode\":101,\"message\":\"Compare failed\",\"cause\":\"{cause}\",\"index\":32}}\n"
            )
        };
        assert_eq!(body(compare(Some("q"), 1)), shown("[q != v3] [1 != 32]"));
        assert_eq!(body(compare(Some("q"), 32)), shown("[q != v3]"));
        assert_eq!(body(compare(Some("v3"), 1)), shown("[1 != 32]"));
        assert_eq!(
            body(compare(Some("<&>"), 0)),
            shown("[\\u003c\\u0026\\u003e != v3]")
        );
    }

    #[test]
    fn cleared_history_shows_both_ends() {
        let error = ServiceError::HistoryCleared {
            oldest: 263,
            requested: 262,
            revision: 1262,
        };
        assert_eq!(
            body(error),
            concat!(
                r#"{"errorCode":401,"message":"The event in requested index is outdated and cleared","#,
                r#""cause":"the requested history has been cleared [263/262]","index":1262}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_cause_may_be_missing() {
        let error = ServiceError::Refused {
            refusal: Refusal::NotFile(None),
            revision: 22,
        };
        assert_eq!(
            body(error),
            "{\"errorCode\":102,\"message\":\"Not a file\",\"index\":22}\n"
        );
    }

    #[test]
    fn consensus_errors_are_300_at_index_0() {
        let error = ApiError::from(ServiceError::TimedOut);
        assert_eq!(error.code.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(
            body(error),
            concat!(
                r#"{"errorCode":300,"message":"Raft Internal Error","#,
                r#""cause":"etcdserver: request timed out","index":0}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_member_that_knows_less_is_named() {
        let member = LeastMember {
            id: 0x1f,
            name: "b".to_owned(),
            applies: 3,
        };
        let error = ServiceError::UnknownToMember { member, needs: 4 };
        assert_eq!(
            body(error),
            concat!(
                r#"{"errorCode":112,"message":"Not known to all members","cause":"etcdserver: this needs commands of format 4, "#,
                r#"and member \"b\" (1f) applies those up to 3: update that member first","index":0}"#,
                "\n"
            )
        );
    }

    #[test]
    fn statuses_follow_the_rule() {
        for (code, status) in [
            (Code::KeyNotFound, 404),
            (Code::CompareFailed, 412),
            (Code::NotFile, 403),
            (Code::NotDirectory, 400),
            (Code::AlreadyExists, 412),
            (Code::ReadOnly, 400),
            (Code::DirectoryNotEmpty, 403),
            (Code::InvalidForm, 400),
            (Code::LeaderElection, 500),
            (Code::HistoryCleared, 400),
            (Code::UnknownToMember, 409),
        ] {
            assert_eq!(code.status().as_u16(), status, "{code:?}");
        }
    }
}
