//! Blocks as they are handed out. Guarantees that their pairs are proven.

use crate::format;
use crate::section::Section;

/// Pairs of one section that are proven.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    pub(crate) section: Section,
    pub(crate) payload: &'a [u8],
}

impl<'a> Block<'a> {
    /// What the pairs mean.
    pub fn section(&self) -> Section {
        self.section
    }

    /// The pairs, key and value, in the order they were written. An empty section has one block
    /// without pairs.
    pub fn pairs(&self) -> Pairs<'a> {
        Pairs { rest: self.payload }
    }
}

/// The pairs of a [`Block`].
#[derive(Debug, Clone)]
pub struct Pairs<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, value, rest) = format::decode_pair(self.rest)?;
        self.rest = rest;
        Some((key, value))
    }
}
