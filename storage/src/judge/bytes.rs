//! The integers and strings of RocksDB's formats, read from a slice. Nothing here panics on any
//! bytes; what is not there is `None`.
//!
//! | encoding | bytes |
//! |---|---|
//! | varint | seven bits per byte, lowest first; the top bit says that more follow (at most 5 or 10) |
//! | fixed | little-endian |
//! | string | length as varint of 32 bits, then the bytes |

/// The field that cannot be read.
pub(super) type Undecodable = &'static str;

/// What of a slice has not been read yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    /// Bits that do not fit are dropped, as RocksDB drops them.
    fn varint(&mut self, width: u32) -> Option<u64> {
        let mut value = 0;
        let mut shift = 0;
        while shift < width {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
            shift += 7;
        }
        None
    }

    pub(super) fn varint32(&mut self) -> Option<u32> {
        self.varint(u32::BITS).map(|value| value as u32)
    }

    pub(super) fn varint64(&mut self) -> Option<u64> {
        self.varint(u64::BITS)
    }

    pub(super) fn fixed32(&mut self) -> Option<u32> {
        let bytes = self.take(4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes))
    }

    pub(super) fn fixed64(&mut self) -> Option<u64> {
        let bytes = self.take(8)?.try_into().ok()?;
        Some(u64::from_le_bytes(bytes))
    }

    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.varint32()?;
        self.take(length as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_end_where_rocksdb_ends_them() {
        assert_eq!(Bytes(&[0x96, 0x01]).varint32(), Some(150));
        assert_eq!(
            Bytes(&[0xff, 0xff, 0xff, 0xff, 0x0f]).varint32(),
            Some(u32::MAX)
        );
        assert_eq!(
            Bytes(&[0xff, 0xff, 0xff, 0xff, 0xff, 0x00]).varint32(),
            None
        );
        assert_eq!(Bytes(&[0x80]).varint64(), None);
        let longest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Bytes(&longest).varint64(), Some(u64::MAX));
        assert_eq!(Bytes(&[0xff; 10]).varint64(), None);
    }

    #[test]
    fn strings_never_reach_beyond_the_end() {
        assert_eq!(Bytes(b"\x02abc").string(), Some(&b"ab"[..]));
        assert_eq!(Bytes(b"\x04abc").string(), None);
        assert_eq!(Bytes(b"\xff\xff\xff\xff\x0fabc").string(), None);
    }
}
