//! The server's own nodes below `/_etcd` (design 17; cluster-and-config 1.3).

use bytes::Bytes;

use super::Stop;
use crate::operation::{Action, Content, Outcome, Refusal};
use crate::path::KeyPath;
use crate::write::batch::Batch;
use crate::write::row::EventFlags;

const FLAGS: EventFlags = EventFlags {
    refresh: false,
    system: true,
};

impl Batch<'_> {
    /// Writes or removes a file of the server, if that changes anything: a restart takes no
    /// revision.
    ///
    /// As in 0.4.6, a machine is created when it joins and updated, with its createdIndex kept,
    /// when its addresses change; anything else, the configuration, is set.
    pub(super) fn system(
        &mut self,
        path: &KeyPath,
        value: Option<&Bytes>,
    ) -> Result<Outcome, Stop> {
        if path.is_root() {
            return Err(Refusal::ReadOnly(path.clone()).into());
        }
        let current = self.lookup(path)?;
        if current.as_ref().is_some_and(|entry| entry.node.dir) {
            return Err(Refusal::NotFile(Some(path.clone())).into());
        }
        let event = match (current, value) {
            (None, None) => return Ok(Outcome::Accepted),
            (Some(entry), None) => self.remove(entry, Action::Delete, FLAGS)?,
            (Some(entry), Some(value)) if entry.node.value.as_ref() == Some(value) => {
                return Ok(Outcome::Accepted);
            }
            (Some(entry), Some(value)) if is_machine(path) => {
                self.change(entry, Some(value), None, Action::Update, FLAGS)?
            }
            (None, Some(value)) if is_machine(path) => {
                self.create_at(path, &Content::File(value.clone()), None, FLAGS)?
            }
            (_, Some(value)) => self.set_at(path, &Content::File(value.clone()), None, FLAGS)?,
        };
        Ok(Outcome::Done(event))
    }
}

fn is_machine(path: &KeyPath) -> bool {
    path.as_bytes().starts_with(b"/_etcd/machines/")
}
