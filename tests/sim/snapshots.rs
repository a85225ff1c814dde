//! What one member does for others that are behind, and with what they send.

use std::error::Error;

use raft::eraftpb::{Message, MessageType};
use tokio::sync::oneshot;

use super::member::{Letter, RunningMember};
use crate::node::batch::LogTask;
use crate::node::peer::{PeerMessage, SnapshotFiles as _, SnapshotHead};
use crate::node::snapshot::install::install;
use crate::node::snapshot::{self, ImportedStore, SnapshotEnd};

impl Letter {
    /// The message of a snapshot, whose file goes another way.
    pub(super) fn snapshot(&self) -> Option<&Message> {
        match &self.message {
            PeerMessage::Raft(message) if message.get_msg_type() == MessageType::MsgSnapshot => {
                Some(message)
            }
            _ => None,
        }
    }
}

impl RunningMember {
    /// Whether the log's thread is to install a store.
    pub(super) fn is_to_install(&self) -> bool {
        let mut tasks = self.outbox.log.iter();
        tasks.any(|task| matches!(task, LogTask::Batch(batch) if batch.install.is_some()))
    }

    /// One step of the log, in whose midst a store may take the place of the present one. What may be sent then, and the
    /// batch that is durable.
    pub(super) fn step_log(
        &mut self,
        tasks: Vec<LogTask>,
    ) -> Result<(Vec<Message>, Option<u64>), Box<dyn Error>> {
        let (mut group, mut messages, mut number) = (Vec::new(), Vec::new(), None);
        for mut task in tasks {
            if let LogTask::Batch(batch) = &mut task
                && let Some(store) = batch.install.take()
            {
                let before = self.log.step(std::mem::take(&mut group))?;
                messages.extend(before.messages);
                number = before.number.or(number);
                self.install(*store)?;
            }
            group.push(task);
        }
        let after = self.log.step(group)?;
        messages.extend(after.messages);
        Ok((messages, after.number.or(number)))
    }

    fn install(&mut self, store: ImportedStore) -> Result<(), Box<dyn Error>> {
        let (fs, data_dir) = (self.depot.fs(), self.depot.data_dir());
        let retired = install(fs, data_dir, store, &mut self.log, &mut self.apply)?;
        let path = retired.path().to_owned();
        drop(retired);
        snapshot::remove_store(&path)?;
        self.installed += 1;
        Ok(())
    }

    /// What the thread that reads for followers does.
    pub(super) fn fetch(&mut self) {
        let reader = self.log.reader();
        for fetch in std::mem::take(&mut self.outbox.fetches) {
            self.intake.fetched(fetch.read(&reader));
        }
    }

    /// What the thread that writes the state to a file does.
    pub(super) fn export(&mut self, id: u64) {
        if std::mem::take(&mut self.outbox.discards) {
            self.depot.discard();
        }
        if std::mem::take(&mut self.outbox.exports) {
            self.intake.exported(self.depot.export(id).ok());
        }
    }

    /// The head and the bytes of what is sent to another, if it is still there.
    pub(super) fn open(&self, message: &Message) -> Option<(SnapshotHead, Vec<u8>)> {
        let place = message.get_snapshot().get_metadata();
        let source = self.depot.open(place.index, place.term).ok()?;
        let head = SnapshotHead {
            message: message.clone(),
            id: source.id(),
            length: source.length(),
        };
        Some((head, source.read(0, usize::MAX).ok()?))
    }

    /// Takes the state of another, or the first bytes of it; who waits for consensus then.
    pub(super) fn receive(
        &self,
        head: &SnapshotHead,
        bytes: &[u8],
        whole: bool,
    ) -> Option<oneshot::Receiver<SnapshotEnd>> {
        let mut incoming = self.depot.begin(head).ok()?;
        let offset = incoming.offset() as usize;
        let end = if whole { bytes.len() } else { bytes.len() / 2 };
        incoming
            .take(bytes.get(offset..end).unwrap_or_default())
            .ok()?;
        whole.then(|| incoming.hand_on().ok()).flatten()
    }
}
