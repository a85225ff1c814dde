//! What is changed of a request before the HTTP library sees it: bytes of the target that it does not take, and header
//! lines beyond the number that it takes.
//!
//! Clients send targets as they come (`#` in a name, JSON in a query, other encodings than UTF-8), and the original takes
//! every byte above the blank as part of path or query. The library ends the target at a `#` and refuses others; here
//! they become their escapes, which say the same. The library also takes 100 header lines at most, where the limit of
//! this server is in bytes: beyond [`PLAIN_LINES`], lines that nothing here reads are left out.
//!
//! To know where heads begin, bodies are followed by the framing that the library found in the head before. It is asked
//! rather than computed, so that both can never disagree about what is head and what is body: after a head nothing goes
//! on until [`Head::framed`] was called. Most requests are only looked at, once, in the library's own buffer.

use memchr::{memchr, memchr2};

use super::chunked::{Chunked, Progress};

/// Bytes of a head, from its first to the empty line (431).
pub(super) const HEAD_BYTES: usize = 128 << 10;

/// Header lines that the library takes.
const LIBRARY_LINES: usize = 100;

/// Header lines that go on whatever they are. Well below the library's number, since what is read here may come later.
const PLAIN_LINES: u32 = 64;

/// The headers that count here, in lower case; the only ones that go on beyond [`PLAIN_LINES`].
const READ: [&[u8]; 11] = [
    b"authorization",
    b"connection",
    b"content-length",
    b"content-type",
    b"expect",
    b"host",
    b"origin",
    b"sec-fetch-site",
    b"te",
    b"transfer-encoding",
    b"upgrade",
];

/// What a byte of a path or query does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Plain,
    /// It goes on as an escape: the library would end the target there, or refuse it.
    Escaped,
    /// It ends the target.
    End,
}

const CLASSES: [Class; 256] = {
    let mut table = [Class::Plain; 256];
    let mut byte = 0x80;
    while byte < 256 {
        table[byte] = Class::Escaped;
        byte += 1;
    }
    table[b'"' as usize] = Class::Escaped;
    table[b'#' as usize] = Class::Escaped;
    table[b'<' as usize] = Class::Escaped;
    table[b'>' as usize] = Class::Escaped;
    table[b'`' as usize] = Class::Escaped;
    table[b' ' as usize] = Class::End;
    table[b'\n' as usize] = Class::End;
    table
};

/// How the body of a request is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyFraming {
    /// So many bytes, 0 where there is no body.
    Length(u64),
    Chunked,
}

/// What the next byte belongs to.
#[derive(Debug)]
enum HeadPlace {
    /// The first byte of a request; empty lines before it do not count.
    Start,
    Method,
    /// The first byte of the target.
    Target,
    /// A target that does not begin with a slash, up to its path, and how many slashes of it have passed.
    Authority(u8),
    /// Path and query.
    Path,
    /// The rest of a line that goes on as it is.
    Line,
    LineStart,
    /// After a carriage return at the begin of a line.
    LineCr,
    /// A header line that goes on if its header counts.
    Extra,
    /// After the head: how the body is framed is not known yet.
    Ended,
    /// Bytes of the body to come.
    Body(u64),
    Chunked(Chunked),
    /// This is no request of HTTP/1, or too long for one: the library refuses it, and nothing after it is read.
    Refused,
}

/// Where in its requests a connection is.
#[derive(Debug)]
pub(super) struct Head {
    place: HeadPlace,
    /// Header lines of the present head.
    lines: u32,
    /// Bytes since the head began.
    size: usize,
    /// A line beyond [`PLAIN_LINES`], as far as it has come.
    extra: Vec<u8>,
}

impl Head {
    pub(super) fn new() -> Self {
        Self {
            place: HeadPlace::Start,
            lines: 0,
            size: 0,
            extra: Vec::new(),
        }
    }

    /// Whether whole requests have passed, and nothing of a next one.
    pub(super) fn is_between(&self) -> bool {
        matches!(self.place, HeadPlace::Start)
    }

    /// Whether a head has passed that is over its limit. The library stops reading at about the same size.
    pub(super) fn is_too_large(&self) -> bool {
        self.size > HEAD_BYTES && matches!(self.place, HeadPlace::Ended)
    }

    /// The head that has passed announces such a body. Without effect where none has passed.
    pub(super) fn framed(&mut self, framing: BodyFraming) {
        if matches!(self.place, HeadPlace::Ended) {
            self.place = match framing {
                BodyFraming::Length(0) => HeadPlace::Start,
                BodyFraming::Length(length) => HeadPlace::Body(length),
                BodyFraming::Chunked => HeadPlace::Chunked(Chunked::new()),
            };
        }
    }

    /// How many of the next bytes go on as they are. The others are for [`Self::rewrite`].
    pub(super) fn pass(&mut self, bytes: &[u8]) -> usize {
        let mut passed = 0;
        while passed < bytes.len() {
            let Some(more) = self.advance(&bytes[passed..]) else {
                break;
            };
            passed += more;
            // Each piece alone: a head may begin behind the end of a body.
            self.size += more;
        }
        passed
    }

    /// Appends what is to go on in place of the next bytes, and returns how many it stands for: all, unless a head ends
    /// before and waits for [`Self::framed`].
    pub(super) fn rewrite(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> usize {
        let mut taken = 0;
        loop {
            let passed = self.pass(&bytes[taken..]);
            out.extend_from_slice(&bytes[taken..taken + passed]);
            taken += passed;
            let rest = &bytes[taken..];
            let (Some(byte), false) = (rest.first(), matches!(self.place, HeadPlace::Ended)) else {
                return taken;
            };
            let more = if matches!(self.place, HeadPlace::Extra) {
                self.extra(rest, out)
            } else {
                // In lower case, as the original shows these bytes in a redirect.
                out.extend_from_slice(format!("%{byte:02x}").as_bytes());
                1
            };
            self.size += more;
            taken += more;
        }
    }

    /// How many of these bytes, of which there is one at least, go on as they are up to the next change of place; `None` if the
    /// first does not. May be 0 where only the place changes.
    fn advance(&mut self, rest: &[u8]) -> Option<usize> {
        match &mut self.place {
            HeadPlace::Start => Some(self.start(rest[0])),
            HeadPlace::Method => Some(self.method(rest)),
            HeadPlace::Target => {
                self.place = match rest[0] {
                    b'/' => HeadPlace::Path,
                    _ => HeadPlace::Authority(0),
                };
                Some(0)
            }
            HeadPlace::Authority(_) => Some(self.authority(rest[0])),
            HeadPlace::Path => self.path(rest),
            HeadPlace::Line => Some(self.line(rest)),
            HeadPlace::LineStart => Some(self.line_start(rest[0])),
            HeadPlace::LineCr => {
                self.place = match rest[0] {
                    b'\n' => HeadPlace::Ended,
                    _ => HeadPlace::Refused,
                };
                Some(1)
            }
            HeadPlace::Extra | HeadPlace::Ended => None,
            HeadPlace::Body(left) => {
                let here = rest.len() as u64;
                if *left > here {
                    *left -= here;
                    return Some(rest.len());
                }
                // No more than the length of a slice.
                let last = *left as usize;
                self.place = HeadPlace::Start;
                Some(last)
            }
            HeadPlace::Chunked(body) => Some(match body.pass(rest) {
                Progress::Within => rest.len(),
                Progress::Ended(length) => {
                    self.place = HeadPlace::Start;
                    length
                }
                Progress::Invalid => self.refused(rest),
            }),
            HeadPlace::Refused => Some(rest.len()),
        }
    }

    fn refused(&mut self, rest: &[u8]) -> usize {
        self.place = HeadPlace::Refused;
        rest.len()
    }

    fn start(&mut self, byte: u8) -> usize {
        if matches!(byte, b'\r' | b'\n') {
            return 1;
        }
        self.place = HeadPlace::Method;
        self.lines = 0;
        self.size = 0;
        0
    }

    fn method(&mut self, rest: &[u8]) -> usize {
        match memchr2(b' ', b'\n', rest) {
            Some(at) if rest[at] == b' ' => {
                self.place = HeadPlace::Target;
                at + 1
            }
            Some(_) => self.refused(rest),
            None => rest.len(),
        }
    }

    fn authority(&mut self, byte: u8) -> usize {
        match (&mut self.place, byte) {
            (HeadPlace::Authority(slashes), b'/') if *slashes < 2 => *slashes += 1,
            (_, b'/' | b'?') => self.place = HeadPlace::Path,
            (_, b' ') => self.place = HeadPlace::Line,
            (_, b'\n') => self.place = HeadPlace::Refused,
            _ => {}
        }
        1
    }

    fn path(&mut self, rest: &[u8]) -> Option<usize> {
        let plain = rest
            .iter()
            .position(|byte| CLASSES[usize::from(*byte)] != Class::Plain);
        let Some(at) = plain else {
            return Some(rest.len());
        };
        match (CLASSES[usize::from(rest[at])], rest[at]) {
            (Class::End, b' ') => {
                self.place = HeadPlace::Line;
                Some(at + 1)
            }
            (Class::End, _) => Some(self.refused(rest)),
            _ => (at > 0).then_some(at),
        }
    }

    /// The rest of this line, and all whole lines after it that go on as they are: one step for most heads.
    fn line(&mut self, rest: &[u8]) -> usize {
        let mut passed = 0;
        loop {
            let Some(at) = memchr(b'\n', &rest[passed..]) else {
                return rest.len();
            };
            passed += at + 1;
            match rest[passed..] {
                [b'\r', b'\n', ..] => {
                    self.place = HeadPlace::Ended;
                    return passed + 2;
                }
                [b'\r' | b'\n', ..] | [] => break,
                _ if self.lines >= PLAIN_LINES => break,
                _ => self.lines += 1,
            }
        }
        self.place = HeadPlace::LineStart;
        passed
    }

    fn line_start(&mut self, byte: u8) -> usize {
        self.place = match byte {
            b'\r' => HeadPlace::LineCr,
            b'\n' => HeadPlace::Ended,
            _ if self.lines < PLAIN_LINES => {
                self.lines += 1;
                HeadPlace::Line
            }
            _ => {
                self.place = HeadPlace::Extra;
                return 0;
            }
        };
        1
    }

    /// Collects a line, and lets it go on at its end if it counts.
    fn extra(&mut self, rest: &[u8], out: &mut Vec<u8>) -> usize {
        let end = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        if self.size + end > HEAD_BYTES {
            // The library has one way to say that a head is too large without one more byte of it: by its lines.
            out.extend_from_slice(b"x:\r\n".repeat(LIBRARY_LINES + 1).as_slice());
            // It looks at a head again only when that has come to its end.
            out.extend_from_slice(b"\r\n");
            return self.refused(rest);
        }
        self.extra.extend_from_slice(&rest[..end]);
        if self.extra.ends_with(b"\n") {
            self.place = HeadPlace::LineStart;
            if counts(&self.extra) {
                out.append(&mut self.extra);
            }
            self.extra = Vec::new();
        }
        end
    }
}

/// Whether a header line is to be seen by the library: it names a header that is read here, or is not well formed, which
/// is for the library to refuse.
fn counts(line: &[u8]) -> bool {
    let Some(colon) = memchr(b':', line) else {
        return true;
    };
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii_end());
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let is_value = |byte: &u8| !byte.is_ascii_control() || *byte == b'\t';
    if name.is_empty() || !name.iter().all(is_name) || !value.iter().all(is_value) {
        return true;
    }
    READ.iter().any(|read| name.eq_ignore_ascii_case(read))
}

#[cfg(test)]
mod tests;
