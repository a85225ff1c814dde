//! The words of the operating system, as the original shows them.

use std::io;

/// The text of an I/O error: lower case, without the number.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match error.raw_os_error() {
        Some(code) => text
            .strip_suffix(&format!(" (os error {code})"))
            .unwrap_or(&text)
            .to_lowercase(),
        None => text,
    }
}
