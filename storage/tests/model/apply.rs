//! What each operation does, transcribed from keys-api 5.1, 5.2, 6 and 7 in their order: root,
//! walk, type, compare.

use bytes::Bytes;
use std::sync::Arc;
use storage::{
    Action, Condition, Content, Event, KeyPath, Lifetime, Node, Operation, Outcome, Refusal, Write,
    WriteMode,
};

use super::Model;
use super::tree::{Entry, Place};

/// What a write leaves at its place, and how its event tells it.
struct Change {
    action: Action,
    value: Option<Bytes>,
    lifetime: Option<Lifetime>,
    refresh: bool,
    system: bool,
}

impl Change {
    fn plain(action: Action, content: &Content, lifetime: Option<Lifetime>) -> Self {
        let value = match content {
            Content::File(value) => Some(value.clone()),
            Content::Directory => None,
        };
        Self {
            action,
            value,
            lifetime,
            refresh: false,
            system: false,
        }
    }
}

type Written = Result<Arc<Event>, Refusal>;

impl Model {
    /// One operation of a command; those before it are visible to it.
    pub(super) fn operate(&mut self, operation: &Operation) -> Outcome {
        let written = match operation {
            Operation::Write(write) => self.written(write),
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
            } => return self.expire(*cutoff, *limit, *bytes),
            Operation::System { path, value } => match self.system(path, value.as_ref()) {
                Some(event) => Ok(event),
                None => return Outcome::Accepted,
            },
            Operation::Record { key, value } => {
                match value {
                    Some(value) => self.records.insert(key.clone(), value.clone()),
                    None => self.records.remove(key),
                };
                return Outcome::Accepted;
            }
            Operation::Retain(retention) => {
                self.retain(*retention);
                return Outcome::Accepted;
            }
            Operation::Unless { key } if self.records.contains_key(key) => return Outcome::Ended,
            Operation::Unless { .. } => return Outcome::Accepted,
        };
        match written {
            Ok(event) => Outcome::Done(event),
            Err(refusal) => Outcome::Refused {
                refusal,
                revision: self.revision,
            },
        }
    }

    fn written(&mut self, write: &Write) -> Written {
        let (path, content) = (&write.path, &write.content);
        let (lifetime, refresh) = (write.lifetime, write.refresh);
        let value = match content {
            Content::File(value) => value.clone(),
            Content::Directory => Bytes::new(),
        };
        match &write.mode {
            WriteMode::Set => self.set(path, content, lifetime, refresh),
            WriteMode::Create => self.create(path, content, lifetime),
            WriteMode::CreateInOrder => self.create_in_order(path, content, lifetime),
            WriteMode::Update => self.update(path, &value, lifetime, refresh),
            WriteMode::CompareAndSwap(condition) => {
                self.compare_and_swap(path, condition, &value, lifetime, refresh)
            }
        }
    }

    fn set(
        &mut self,
        path: &KeyPath,
        content: &Content,
        lifetime: Option<Lifetime>,
        refresh: bool,
    ) -> Written {
        let place = writable(path)?;
        self.tree.check_ancestors(&place)?;
        let mut change = Change::plain(Action::Set, content, lifetime);
        if refresh {
            // Never creates; keeps the value unless the file becomes a directory.
            let old = self.tree.find(&place)?;
            change.refresh = true;
            change.value = change.value.and(old.value.clone());
        }
        match self.tree.entry(&place) {
            Some(entry) if entry.is_dir() => Err(Refusal::NotFile(Some(path.clone()))),
            _ => Ok(self.write(&place, change)),
        }
    }

    fn create(&mut self, path: &KeyPath, content: &Content, lifetime: Option<Lifetime>) -> Written {
        let place = writable(path)?;
        self.create_at(&place, content, lifetime)
    }

    fn create_in_order(
        &mut self,
        parent: &KeyPath,
        content: &Content,
        lifetime: Option<Lifetime>,
    ) -> Written {
        // The root and `/_etcd` themselves take children; the server's own directory does not.
        let place = Place::of(parent);
        if belongs_to_server(&place) && place != server_root() {
            return Err(Refusal::ReadOnly(parent.clone()));
        }
        let name = format!("{:020}", self.revision + 1);
        self.create_at(&place.child(name.as_bytes()), content, lifetime)
    }

    fn create_at(
        &mut self,
        place: &Place,
        content: &Content,
        lifetime: Option<Lifetime>,
    ) -> Written {
        self.tree.check_ancestors(place)?;
        match self.tree.entry(place) {
            Some(_) => Err(Refusal::AlreadyExists(place.path())),
            None => Ok(self.write(place, Change::plain(Action::Create, content, lifetime))),
        }
    }

    fn update(
        &mut self,
        path: &KeyPath,
        value: &Bytes,
        lifetime: Option<Lifetime>,
        refresh: bool,
    ) -> Written {
        let place = writable(path)?;
        let old = self.tree.find(&place)?;
        let value = match &old.value {
            None if !value.is_empty() => return Err(Refusal::NotFile(Some(path.clone()))),
            None => None,
            Some(kept) if refresh => Some(kept.clone()),
            Some(_) => Some(value.clone()),
        };
        let change = Change {
            action: Action::Update,
            value,
            lifetime,
            refresh,
            system: false,
        };
        Ok(self.write(&place, change))
    }

    fn compare_and_swap(
        &mut self,
        path: &KeyPath,
        condition: &Condition,
        value: &Bytes,
        lifetime: Option<Lifetime>,
        refresh: bool,
    ) -> Written {
        let place = writable(path)?;
        let current = compare(self.tree.find(&place)?, path, condition)?;
        let value = Some(if refresh { current } else { value.clone() });
        let change = Change {
            action: Action::CompareAndSwap,
            value,
            lifetime,
            refresh,
            system: false,
        };
        Ok(self.write(&place, change))
    }

    fn delete(&mut self, path: &KeyPath, dir: bool, recursive: bool) -> Written {
        let place = writable(path)?;
        if self.tree.find(&place)?.is_dir() {
            if !dir && !recursive {
                return Err(Refusal::NotFile(Some(path.clone())));
            }
            if !recursive && self.tree.below(&place).next().is_some() {
                return Err(Refusal::DirectoryNotEmpty(path.clone()));
            }
        }
        Ok(self.remove(&place, Action::Delete, false))
    }

    fn compare_and_delete(&mut self, path: &KeyPath, condition: &Condition) -> Written {
        if path.is_root() {
            return Err(Refusal::NotFile(None)); // the quirk of 3.4: no root check, and no cause
        }
        let place = writable(path)?;
        compare(self.tree.find(&place)?, path, condition)?;
        Ok(self.remove(&place, Action::CompareAndDelete, false))
    }

    fn expire(&mut self, cutoff: u64, limit: u32, bytes: Option<u64>) -> Outcome {
        let mut events: Vec<Arc<Event>> = Vec::new();
        let mut held = 0;
        loop {
            // Looked up afresh each time: what died with its directory is not due any more (7.3).
            let due = self
                .tree
                .deadlines()
                .into_iter()
                .next()
                .filter(|(deadline, _)| *deadline <= cutoff);
            let Some((_, place)) = due else {
                return Outcome::Expired {
                    events,
                    more: false,
                };
            };
            let size = self.size(&place);
            // The first is removed whatever its size.
            let too_large = bytes.is_some_and(|bytes| !events.is_empty() && held + size > bytes);
            if events.len() as u64 == u64::from(limit) || too_large {
                return Outcome::Expired { events, more: true };
            }
            held += size + self.size_below(&place);
            events.push(self.remove(&place, Action::Expire, false));
        }
    }

    /// Path and value of a node.
    fn size(&self, place: &Place) -> u64 {
        let entry = self.tree.entry(place).expect("a deadline has a node");
        let value = entry.value.as_ref().map_or(0, Bytes::len);
        (place.path().as_bytes().len() + value) as u64
    }

    /// Paths of what goes with a directory one by one: at most 256 nodes, else they go as one range.
    fn size_below(&self, place: &Place) -> u64 {
        let below: Vec<_> = self
            .tree
            .below(place)
            .map(|(_, place, _)| place.path().as_bytes().len() as u64)
            .collect();
        if below.len() > 256 {
            0
        } else {
            below.into_iter().sum()
        }
    }

    /// The verbs of 0.4.6 (cluster-and-config 1.3): a join creates, an address change updates, the
    /// configuration is set.
    fn system(&mut self, path: &KeyPath, value: Option<&Bytes>) -> Option<Arc<Event>> {
        let place = Place::of(path);
        let old = self.tree.entry(&place).cloned();
        let Some(value) = value else {
            return old.map(|_| self.remove(&place, Action::Delete, true));
        };
        if old
            .as_ref()
            .is_some_and(|entry| entry.value.as_ref() == Some(value))
        {
            return None;
        }
        let machine = place.is_below(&server_root().child(b"machines"));
        let action = match old {
            None if machine => Action::Create,
            Some(_) if machine => Action::Update,
            _ => Action::Set,
        };
        let mut change = Change::plain(action, &Content::File(value.clone()), None);
        change.system = true;
        Some(self.write(&place, change))
    }

    /// Stores a node that may be written. Set and create make a node of its own, the others change
    /// one (section 6).
    fn write(&mut self, place: &Place, change: Change) -> Arc<Event> {
        let revision = self.revision + 1;
        let fresh = matches!(change.action, Action::Set | Action::Create);
        let old = self.tree.entry(place).cloned();
        let created = match &old {
            Some(entry) if !fresh => entry.created,
            _ => revision,
        };
        let entry = Entry {
            value: change.value,
            created,
            modified: revision,
            lifetime: change.lifetime,
            written: revision,
        };
        let node = entry.node(place);
        // The TTL of a directory changes without its stored modifiedIndex; only the event shows the
        // new one.
        let stored = match &old {
            Some(before) if !fresh && before.is_dir() => Entry {
                modified: before.modified,
                ..entry
            },
            _ => entry,
        };
        self.tree.put(place, stored, revision);
        let Change {
            action,
            refresh,
            system,
            ..
        } = change;
        let prev = old.map(|entry| entry.node(place));
        self.publish(Event {
            time: self.time_for(&node, prev.as_ref()),
            revision,
            action,
            node,
            prev,
            refresh,
            system,
        })
    }

    /// An event carries the time of its command where it shows a TTL.
    fn time_for(&self, node: &Node, prev: Option<&Node>) -> Option<u64> {
        let mortal = |node: &Node| node.lifetime.is_some();
        (mortal(node) || prev.is_some_and(mortal)).then_some(self.cluster_time)
    }

    fn remove(&mut self, place: &Place, action: Action, system: bool) -> Arc<Event> {
        let revision = self.revision + 1;
        let old = self
            .tree
            .entry(place)
            .expect("only what was found is removed")
            .node(place);
        self.tree.remove(place);
        let node = Node {
            value: None,
            lifetime: None,
            modified: revision,
            ..old.clone()
        };
        self.publish(Event {
            time: self.time_for(&node, Some(&old)),
            revision,
            action,
            node,
            prev: Some(old),
            refresh: false,
            system,
        })
    }
}

fn server_root() -> Place {
    Place::of(&KeyPath::root()).child(b"_etcd")
}

/// Design 17: `/_etcd` itself, and `machines` and `config` below it with all they hold.
fn belongs_to_server(place: &Place) -> bool {
    let owned = [
        server_root().child(b"machines"),
        server_root().child(b"config"),
    ];
    *place == server_root() || owned.iter().any(|top| place == top || place.is_below(top))
}

/// The first check of all: neither the root nor what the server alone writes.
fn writable(path: &KeyPath) -> Result<Place, Refusal> {
    let place = Place::of(path);
    if place.is_root() || belongs_to_server(&place) {
        return Err(Refusal::ReadOnly(path.clone()));
    }
    Ok(place)
}

/// 3.3: a file, and all conditions given must hold. Hands back the current value.
fn compare(entry: &Entry, path: &KeyPath, condition: &Condition) -> Result<Bytes, Refusal> {
    let Some(current) = &entry.value else {
        return Err(Refusal::NotFile(Some(path.clone())));
    };
    let value_holds = condition
        .value
        .as_ref()
        .is_none_or(|wanted| wanted == current);
    let index_holds = condition.index == 0 || condition.index == entry.modified;
    if value_holds && index_holds {
        return Ok(current.clone());
    }
    let (value, index) = (current.clone(), entry.modified);
    Err(Refusal::CompareFailed {
        condition: condition.clone(),
        value,
        index,
    })
}
