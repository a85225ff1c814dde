//! What each operation means: the decision table of keys-api 5.1, one file per kind of write.
//!
//! Precedence: root and reserved paths, then the way down to the target, then its type, then the
//! comparison. What is refused changes nothing and takes no revision.

mod compare;
mod create;
mod delete;
mod expire;
mod locate;
mod set;
mod system;

use std::sync::Arc;

use bytes::Bytes;

use crate::error::Error;
use crate::format::column::Column;
use crate::format::meta;
use crate::operation::{Event, Node, Operation, Outcome, Refusal, Write, WriteMode};
use crate::path::KeyPath;
use crate::read::point;
use crate::write::batch::Batch;

/// Why an operation ended without an event.
enum Stop {
    Refused(Refusal),
    Failed(Error),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

type EventResult = Result<Arc<Event>, Stop>;

impl Batch<'_> {
    /// Applies one operation of the command that was begun.
    pub(crate) fn operate(&mut self, operation: &Operation) -> Result<Outcome, Error> {
        self.chain.operation(operation);
        let outcome = match self.dispatch(operation) {
            Ok(outcome) => outcome,
            Err(Stop::Refused(refusal)) => Outcome::Refused {
                refusal,
                revision: self.revision(),
            },
            Err(Stop::Failed(error)) => return Err(error),
        };
        self.chain.outcome(&outcome);
        self.held += held_bytes(&outcome);
        Ok(outcome)
    }

    fn dispatch(&mut self, operation: &Operation) -> Result<Outcome, Stop> {
        let event = match operation {
            Operation::Write(write) => self.write(write),
            Operation::Delete {
                path,
                dir,
                recursive,
            } => self.delete(path, *dir, *recursive),
            Operation::CompareAndDelete { path, condition } => {
                self.compare_and_delete(path, condition)
            }
            Operation::Expire {
                cutoff,
                limit,
                bytes,
            } => return Ok(self.expire(*cutoff, *limit, *bytes)?),
            Operation::System { path, value } => return self.system(path, value.as_ref()),
            Operation::Record { key, value } => {
                self.record(key, value.as_deref());
                return Ok(Outcome::Accepted);
            }
            Operation::Retain(retention) => {
                self.retain(*retention)?;
                return Ok(Outcome::Accepted);
            }
            Operation::Unless { key } => return Ok(self.unless(key)?),
        };
        event.map(Outcome::Done)
    }

    fn write(&mut self, write: &Write) -> EventResult {
        match &write.mode {
            WriteMode::Set => self.set(write),
            WriteMode::Create => self.create(write),
            WriteMode::CreateInOrder => self.create_in_order(write),
            WriteMode::Update => self.update(write),
            WriteMode::CompareAndSwap(condition) => self.compare_and_swap(write, condition),
        }
    }

    fn record(&mut self, key: &[u8], value: Option<&[u8]>) {
        let family = self.core.database.family(Column::Meta);
        match value {
            Some(value) => self.rows.put_cf(family, meta::record_key(key), value),
            None => self.rows.delete_cf(family, meta::record_key(key)),
        }
        self.records.insert(key.to_vec(), value.is_some());
    }

    fn unless(&self, key: &[u8]) -> Result<Outcome, Error> {
        let exists = match self.records.get(key) {
            Some(exists) => *exists,
            None => point::record(&self.core.database, key)?.is_some(),
        };
        Ok(if exists {
            Outcome::Ended
        } else {
            Outcome::Accepted
        })
    }
}

/// Bytes of values that an outcome holds and its command did not bring.
fn held_bytes(outcome: &Outcome) -> usize {
    let value = |node: &Node| node.value.as_ref().map_or(0, Bytes::len);
    let before = |event: &Arc<Event>| event.prev.as_ref().map_or(0, value);
    match outcome {
        Outcome::Done(event) => before(event),
        Outcome::Expired { events, .. } => events.iter().map(before).sum(),
        Outcome::Refused {
            refusal: Refusal::CompareFailed { value, .. },
            ..
        } => value.len(),
        Outcome::Accepted | Outcome::Ended | Outcome::Refused { .. } => 0,
    }
}

/// Refuses client writes to the root and to what only the server writes (design 17).
fn guard(path: &KeyPath) -> Result<(), Refusal> {
    if path.is_root() || is_reserved(path) {
        Err(Refusal::ReadOnly(path.clone()))
    } else {
        Ok(())
    }
}

/// Whether only the server writes here: `/_etcd` itself, and `config` and `machines` in it with all
/// that is below. The rest of `/_etcd` is user space.
fn is_reserved(path: &KeyPath) -> bool {
    let Some(rest) = path.as_bytes().strip_prefix(b"/_etcd") else {
        return false;
    };
    let within = |name: &[u8]| {
        rest.strip_prefix(name)
            .is_some_and(|below| below.is_empty() || below[0] == b'/')
    };
    rest.is_empty() || within(b"/config") || within(b"/machines")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_paths() {
        let reserved =
            |text: &str| is_reserved(&KeyPath::new(text.as_bytes().to_vec()).expect("canonical"));
        let server = [
            "/_etcd",
            "/_etcd/config",
            "/_etcd/config/x",
            "/_etcd/machines",
            "/_etcd/machines/a/b",
        ];
        let user = [
            "/",
            "/_etcdx",
            "/_etc",
            "/_etcd/registry",
            "/_etcd/configx",
            "/_etcd/machinesx/a",
            "/a/_etcd",
            "/_etcd/a/config",
        ];
        assert!(server.into_iter().all(reserved));
        assert!(!user.into_iter().any(reserved));
    }
}
