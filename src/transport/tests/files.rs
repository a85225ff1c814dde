//! Snapshots in memory, for a member whose peers are played by the test.

use std::sync::{Arc, Mutex};

use crate::node::peer::{SnapshotFault, SnapshotFiles, SnapshotHead, SnapshotSink, SnapshotSource};

/// The id of the one file that is sent.
pub(crate) const ID: u64 = 0x5eed;

/// Heads and files that came whole.
type TakenFiles = Arc<Mutex<Vec<(SnapshotHead, Vec<u8>)>>>;

/// What a member has to send, and what came.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// The file that is sent; `None` where it is gone.
    pub(crate) own: Mutex<Option<Vec<u8>>>,
    /// The id of what comes in, and as much of it as is here.
    pub(crate) partial: Arc<Mutex<(u64, Vec<u8>)>>,
    /// Heads and files that came whole.
    pub(crate) taken: TakenFiles,
    /// Why the next one is refused.
    pub(crate) refusal: Mutex<Option<SnapshotFault>>,
}

struct Source(Vec<u8>);

impl SnapshotSource for Source {
    fn id(&self) -> u64 {
        ID
    }

    fn length(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, offset: u64, most: usize) -> Result<Vec<u8>, SnapshotFault> {
        let rest = &self.0[offset as usize..];
        Ok(rest[..most.min(rest.len())].to_vec())
    }
}

struct Sink {
    head: SnapshotHead,
    partial: Arc<Mutex<(u64, Vec<u8>)>>,
    taken: TakenFiles,
}

impl SnapshotSink for Sink {
    fn offset(&self) -> u64 {
        self.partial.lock().unwrap().1.len() as u64
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), SnapshotFault> {
        self.partial.lock().unwrap().1.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), SnapshotFault> {
        let (_, bytes) = std::mem::take(&mut *self.partial.lock().unwrap());
        self.taken.lock().unwrap().push((self.head, bytes));
        Ok(())
    }
}

impl SnapshotFiles for Files {
    fn takes_from(&self, _: u64) -> bool {
        true
    }

    fn open(&self, index: u64, _: u64) -> Result<Box<dyn SnapshotSource>, SnapshotFault> {
        let own = self.own.lock().unwrap().clone();
        let own = own.ok_or_else(|| SnapshotFault {
            text: format!("the file of entry {index} is gone"),
            of_file: true,
        })?;
        Ok(Box::new(Source(own)))
    }

    fn receive(&self, head: &SnapshotHead) -> Result<Box<dyn SnapshotSink>, SnapshotFault> {
        if let Some(refusal) = self.refusal.lock().unwrap().take() {
            return Err(refusal);
        }
        let mut partial = self.partial.lock().unwrap();
        if partial.0 != head.id {
            *partial = (head.id, Vec::new());
        }
        Ok(Box::new(Sink {
            head: head.clone(),
            partial: self.partial.clone(),
            taken: self.taken.clone(),
        }))
    }
}
