//! Truth values: the spellings that `--quorum=…` takes.

use super::ValueError;

/// Reads a truth value.
///
/// # Errors
/// When the text is none of the twelve spellings; mixed case such as `tRUE` is none.
pub(crate) fn parse(text: &str) -> Result<bool, ValueError> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(ValueError::Syntax),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_known_spellings_count() {
        for text in ["1", "t", "T", "true", "TRUE", "True"] {
            assert_eq!(parse(text), Ok(true), "{text}");
        }
        for text in ["0", "f", "F", "false", "FALSE", "False"] {
            assert_eq!(parse(text), Ok(false), "{text}");
        }
        for text in ["", "tRUE", "yes", "on", "maybe", "2", " true"] {
            assert_eq!(parse(text), Err(ValueError::Syntax), "{text}");
        }
    }
}
