//! Where a chunked body ends, told from its bytes as they pass: whoever looks at heads has to know where the next one
//! begins. The grammar is the HTTP library's, byte for byte (RFC 9112 7.1 without bare newlines), so that both see the
//! same end; what the library refuses is the end of its reading, and nothing is looked at after it.

/// What the next byte of a chunked body belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChunkedPlace {
    /// The first digit of a chunk's size.
    Size,
    MoreSize,
    /// Blanks after the size.
    Blank,
    Extension,
    /// The line feed of the size's line.
    SizeEnd,
    Data,
    DataCr,
    DataLf,
    /// The begin of a line after the last chunk: a trailer, or the empty one that ends the body.
    TrailerStart,
    Trailer,
    TrailerEnd,
    LastLf,
}

/// What became of bytes that were shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// All of them belong to the body, and there is more to come.
    Within,
    /// The body ended after so many of them.
    Ended(usize),
    /// This is no chunked body.
    Invalid,
}

/// A chunked body of which a part has passed.
#[derive(Debug)]
pub(super) struct Chunked {
    place: ChunkedPlace,
    /// Bytes of the present chunk that are still to come.
    left: u64,
}

impl Chunked {
    pub(super) fn new() -> Self {
        Self {
            place: ChunkedPlace::Size,
            left: 0,
        }
    }

    /// Looks at the next bytes.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Progress {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if self.place == ChunkedPlace::Data {
                let here = self.left.min((bytes.len() - at) as u64);
                self.left -= here;
                // No more than the length of a slice.
                at += here as usize;
                if self.left == 0 {
                    self.place = ChunkedPlace::DataCr;
                }
                continue;
            }
            at += 1;
            match self.step(*byte) {
                Some(true) => return Progress::Ended(at),
                Some(false) => {}
                None => return Progress::Invalid,
            }
        }
        Progress::Within
    }

    /// One byte outside of data: whether it ends the body, `None` if it has no place here.
    fn step(&mut self, byte: u8) -> Option<bool> {
        use ChunkedPlace::{
            Blank, Data, DataCr, DataLf, Extension, LastLf, MoreSize, Size, SizeEnd, Trailer,
            TrailerEnd, TrailerStart,
        };
        self.place = match (self.place, byte) {
            (Size | MoreSize, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16)?;
                self.left = self.left.checked_mul(16)?.checked_add(digit.into())?;
                MoreSize
            }
            (MoreSize | Blank, b'\t' | b' ') => Blank,
            (MoreSize | Blank, b';') => Extension,
            (MoreSize | Blank | Extension, b'\r') => SizeEnd,
            (Extension, b'\n') => return None,
            (Extension, _) => Extension,
            (SizeEnd, b'\n') if self.left == 0 => TrailerStart,
            (SizeEnd, b'\n') => Data,
            (DataCr, b'\r') => DataLf,
            (DataLf, b'\n') => Size,
            (TrailerStart, b'\r') => LastLf,
            (Trailer, b'\r') => TrailerEnd,
            (TrailerStart | Trailer, _) => Trailer,
            (TrailerEnd, b'\n') => TrailerStart,
            (LastLf, b'\n') => return Some(true),
            _ => return None,
        };
        Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same in one piece and in any two.
    fn passed(bytes: &[u8]) -> Progress {
        let whole = Chunked::new().pass(bytes);
        for cut in 0..bytes.len() {
            let mut body = Chunked::new();
            let parts = match body.pass(&bytes[..cut]) {
                Progress::Within => match body.pass(&bytes[cut..]) {
                    Progress::Ended(more) => Progress::Ended(cut + more),
                    other => other,
                },
                first => first,
            };
            assert_eq!(parts, whole, "cut at {cut}");
        }
        whole
    }

    #[test]
    fn a_body_ends_with_its_empty_chunk_and_its_trailers() {
        let one = b"3\r\nabc\r\n0\r\n\r\nGET";
        assert_eq!(passed(one), Progress::Ended(one.len() - 3));
        let odd = b"000B ;a=\"b\"\r\nhello world\r\n0\t\r\nX: y\r\nZ:\r\n\r\n";
        assert_eq!(passed(odd), Progress::Ended(odd.len()));
        assert_eq!(passed(b"0\r\n\r\n"), Progress::Ended(5));
    }

    #[test]
    fn what_looks_like_an_end_in_the_data_is_data() {
        assert_eq!(passed(b"7\r\n0\r\n\r\nab\r\n"), Progress::Within);
        assert_eq!(passed(b"ffffffffffffffff\r\n0\r\n\r\n"), Progress::Within);
    }

    #[test]
    fn what_the_library_refuses_is_no_body() {
        for bytes in [
            &b"\r\n"[..],
            b"x\r\n",
            b"3\nabc",
            b"3 4\r\n",
            b"3\r\nabcd",
            b"3\r\nabc\rX",
            b"1;a\nb",
            b"0\r\n\rX",
            b"10000000000000000\r\n",
        ] {
            assert_eq!(passed(bytes), Progress::Invalid, "{bytes:?}");
        }
    }
}
