//! What a load found: remarks for the table, and promises that were not kept.

use std::sync::Mutex;

#[derive(Debug, Default)]
pub(crate) struct Findings {
    remarks: Mutex<Vec<String>>,
    broken: Mutex<Vec<String>>,
}

impl Findings {
    /// For the reader of the table.
    pub(crate) fn remark(&self, remark: impl Into<String>) {
        self.remarks.lock().expect("no panic").push(remark.into());
    }

    /// A promise that was not kept; of Debian's server it is a remark.
    pub(crate) fn complain(&self, complaint: impl Into<String>) {
        self.broken.lock().expect("no panic").push(complaint.into());
    }

    pub(crate) fn expect(&self, kept: bool, complaint: impl FnOnce() -> String) {
        if !kept {
            self.complain(complaint());
        }
    }

    /// One sentence that is a remark or a complaint.
    pub(crate) fn judge(&self, kept: bool, sentence: String) {
        match kept {
            true => self.remark(sentence),
            false => self.complain(sentence),
        }
    }

    pub(crate) fn remarks(&self) -> Vec<String> {
        self.remarks.lock().expect("no panic").clone()
    }

    pub(crate) fn broken(&self) -> Vec<String> {
        self.broken.lock().expect("no panic").clone()
    }
}
