//! Input of somebody else's length: read to its end, or to a bound.

use std::io::{self, Read};

/// All that `input` gives, if that is at most `bytes_max`. A file is not asked for its length: a pipe and a device have
/// none, and a file may grow.
///
/// # Errors
/// Those of the input, and `FileTooLarge` beyond the bound, in words that fit behind its name and a colon.
pub fn read(input: impl Read, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        let reason = format!("it has more than {bytes_max} bytes, the most that is read");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_the_last_length_that_is_read() {
        assert_eq!(read(&b"four"[..], 4).expect("it fits"), b"four");
        let error = read(io::repeat(0), 4).expect_err("it has no end");
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(
            error.to_string(),
            "it has more than 4 bytes, the most that is read"
        );
    }
}
