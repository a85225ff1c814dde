//! Clients of all members: what they ask, until they are answered or the member that they asked is gone.

use bytes::Bytes;
use storage::operation::{Condition, Content, Operation, Write, WriteMode};
use tokio::sync::oneshot;

use super::{KEYS, Machine, SimulatedCluster};
use crate::command::{Proposal, Ttl};
use crate::node::outcome::{AppliedWrite, Failure, PendingWrite};
use crate::node::sim::history::{OpenCall, Wish};
use crate::node::sim::world::{World, path};

/// A call and where its answer comes.
pub(super) struct PendingCall {
    call: OpenCall,
    answer: PendingAnswer,
}

enum PendingAnswer {
    Write(PendingWrite),
    Read(oneshot::Receiver<Result<(), Failure>>),
}

impl SimulatedCluster {
    /// A client writes a key, with or without a condition.
    pub(super) fn ask(&mut self, at: usize) {
        let key = self.random.below(KEYS);
        let value = self.next_value();
        let wanted = self.world.history.seen(key);
        let wanted = wanted.unwrap_or_else(|| "nobody's".to_owned());
        let wish = match self.random.below(10) {
            0..=4 => Wish::Set(value),
            5 => Wish::Create(value),
            6 | 7 => Wish::Swap(wanted, value),
            8 => Wish::Delete,
            _ => Wish::DeleteIf(wanted),
        };
        self.send(at, key, wish);
    }

    /// A client writes a key whatever is there.
    pub(super) fn set(&mut self, at: usize) {
        let key = self.random.below(KEYS);
        let value = self.next_value();
        self.send(at, key, Wish::Set(value));
    }

    /// A client reads a key.
    pub(super) fn get(&mut self, at: usize) {
        let key = self.random.below(KEYS);
        let machine = &mut self.machines[at];
        let Some(member) = &machine.running else {
            return;
        };
        if let Ok(answer) = member.intake.read() {
            let call = self.world.history.begin(key, Wish::Read);
            let answer = PendingAnswer::Read(answer);
            machine.calls.push(PendingCall { call, answer });
        }
    }

    fn next_value(&mut self) -> String {
        self.values += 1;
        self.values.to_string()
    }

    fn send(&mut self, at: usize, key: u64, wish: Wish) {
        let machine = &mut self.machines[at];
        if let Some(answer) = machine.submit(&operation(key, &wish)) {
            let call = self.world.history.begin(key, wish);
            let answer = PendingAnswer::Write(answer);
            machine.calls.push(PendingCall { call, answer });
        }
    }
}

impl Machine {
    /// The answer of a write that this member takes, whoever leads.
    pub(super) fn submit(&self, operation: &Operation<Ttl>) -> Option<PendingWrite> {
        let member = self.running.as_ref()?;
        member.intake.submit(Proposal::new(operation)).ok()
    }

    /// Takes out the calls that were answered. Reads are served from the store, which is there while the member runs.
    pub(super) fn hear_answers(&mut self, world: &mut World) {
        let member = self.running.as_ref();
        let store = member.map(|member| &member.outbox.store);
        let (applied, answered) = member.map_or((u64::MAX, 0), |member| {
            (
                member.outbox.store.applied().index,
                member.status.answered(),
            )
        });
        self.calls.retain_mut(|PendingCall { call, answer }| {
            let call = *call;
            let answered = match (answer, store) {
                (PendingAnswer::Write(answer), _) => answer.try_recv().map(|answer| {
                    if let Ok(done) = &answer
                        && done.index > applied
                    {
                        assert!(answered >= done.index, "a local read would not wait for it");
                        world.answered_early += 1;
                    }
                    hear_of_write(world, call, answer);
                }),
                (PendingAnswer::Read(answer), Some(store)) => answer.try_recv().map(|answer| {
                    if answer.is_ok() {
                        world.reads(call, store);
                    }
                }),
                (PendingAnswer::Read(_), None) => return true,
            };
            if answered.is_ok() {
                world.note("answered", world.history.key_of(call));
            }
            matches!(answered, Err(oneshot::error::TryRecvError::Empty))
        });
    }
}

fn hear_of_write(world: &mut World, call: OpenCall, answer: Result<AppliedWrite, Failure>) {
    match answer {
        Ok(done) => world.history.decided(call, &done.outcomes[0]),
        // Nothing was proposed.
        Err(Failure::Refused(_) | Failure::Overloaded) => world.history.refused(call),
        Err(Failure::Stopped | Failure::Overtaken | Failure::Storage(_)) => {}
    }
}

fn operation(key: u64, wish: &Wish) -> Operation<Ttl> {
    let path = path(key);
    let condition = |value: &String| Condition {
        value: Some(Bytes::from(value.clone())),
        index: 0,
    };
    let write = |mode, value: &String| {
        let content = Content::File(Bytes::from(value.clone()));
        Operation::Write(Write::new(path.clone(), mode, content))
    };
    match wish {
        Wish::Set(value) => write(WriteMode::Set, value),
        Wish::Create(value) => write(WriteMode::Create, value),
        Wish::Swap(wanted, value) => write(WriteMode::CompareAndSwap(condition(wanted)), value),
        Wish::DeleteIf(wanted) => Operation::CompareAndDelete {
            condition: condition(wanted),
            path,
        },
        Wish::Delete => Operation::Delete {
            path,
            dir: false,
            recursive: false,
        },
        Wish::Read => unreachable!("a read is no write"),
    }
}
