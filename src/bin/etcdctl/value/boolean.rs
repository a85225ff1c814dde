//! Truth values as the original read them (`etcd2::go`): the spellings that `--quorum=…` takes.

use etcd2::go;

use super::ValueError;

/// Reads a truth value.
///
/// # Errors
/// When the text is none of the twelve spellings.
pub(crate) fn parse(text: &str) -> Result<bool, ValueError> {
    go::boolean(text.as_bytes()).ok_or(ValueError::Syntax)
}
