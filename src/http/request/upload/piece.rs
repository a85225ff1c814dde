//! What has come of a body so far.

use bytes::{Bytes, BytesMut};

/// Nearly every body is one piece, which is not copied.
#[derive(Default)]
pub(super) struct Pieces {
    /// The first, as long as it is the only one.
    first: Bytes,
    whole: BytesMut,
}

impl Pieces {
    pub(super) fn length(&self) -> usize {
        self.bytes().len()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        if self.whole.is_empty() {
            &self.first
        } else {
            &self.whole
        }
    }

    pub(super) fn add(&mut self, data: Bytes) {
        if self.bytes().is_empty() {
            self.first = data;
            return;
        }
        if self.whole.is_empty() {
            // No more than what came is reserved: a length that is only announced costs nothing.
            self.whole
                .extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.whole.extend_from_slice(&data);
    }

    pub(super) fn join(self) -> Bytes {
        if self.whole.is_empty() {
            self.first
        } else {
            self.whole.freeze()
        }
    }
}
