//! What a refused start, or one that gives something up, tells the operator.

use wal::fs::Fs;

use super::decide::{self, TablesState};
use super::facts::{DirectoryFacts, Question};
use super::log::LogFinding;
use super::refusal::{Hurt, LogLoss, StartRefusal};
use crate::node::{identity_file, witness_file};

impl<F: Fs> DirectoryFacts<F> {
    pub(super) fn loss(&self, question: &Question<'_>) -> LogLoss {
        let witnessed = self.witness_file.testimony().map(|said| said.witness.index);
        let store = self.store.marker.witness.as_deref();
        let store = store.and_then(|bytes| wal::Witness::decode(bytes).ok());
        let told = match &self.log.judged {
            LogFinding::Damaged(damage, _) => damage.last_known(),
            _ => None,
        };
        let known_until = witnessed.max(store.map(|witness| witness.index)).max(told);
        let what = match &self.log.judged {
            LogFinding::Absent => format!("the log {} is gone", self.log.path.display()),
            LogFinding::Contradicted(damage, _) => {
                format!("{} (seen by {})", place(damage), self.witnesses_named())
            }
            LogFinding::Damaged(damage, _) => place(damage),
            LogFinding::Readable(log) => format!(
                "the log {} ends with entry {}, but the store holds entry {}",
                self.log.path.display(),
                log.recovery().last_index,
                self.store.applied.index
            ),
        };
        LogLoss {
            what,
            kept: self.kept(),
            known_until,
            copied: question.copied,
            proven: self.is_proven(),
        }
    }

    /// Who has seen the log, for a message.
    fn witnesses_named(&self) -> String {
        let file = self.witness_file.testimony().map(|_| witness_file::NAME);
        let store = self.store.marker.witness.as_ref().map(|_| "store/");
        let names: Vec<&str> = file.into_iter().chain(store).collect();
        names.join(" and ")
    }

    pub(super) fn refuse(
        &self,
        question: &Question<'_>,
        refusal: decide::RefusalCase,
    ) -> StartRefusal {
        let directory = question.directory.to_owned();
        let first_fault = || {
            self.store
                .faults()
                .first()
                .map(storage::judge::Fault::place)
        };
        let first_hurt = || {
            let mut faults = self.store.faults().iter();
            let hurt = faults.find(|fault| !fault.is_history());
            hurt.map(storage::judge::Fault::place)
        };
        match refusal {
            decide::RefusalCase::Strangers => StartRefusal::Strangers {
                directory,
                parts: parts(&self.voices()),
            },
            decide::RefusalCase::StoreUnreadable => StartRefusal::StoreUnreadable {
                fault: self.store.unreadable.clone(),
                copied: question.copied,
            },
            decide::RefusalCase::StoreLost => StartRefusal::StoreLost {
                path: self.store.path.clone(),
                proof: match (&self.log.judged, &self.identity_file) {
                    (LogFinding::Absent, identity_file::FoundIdentity::Missing) => {
                        "the witness file WITNESS says that a node wrote its log here"
                    }
                    (LogFinding::Absent, _) => {
                        "the identity file FORMAT says that a node was founded here"
                    }
                    _ => "there is a log of this node",
                },
            },
            decide::RefusalCase::Copied => StartRefusal::Copied {
                directory,
                fault: first_fault().unwrap_or_default(),
            },
            decide::RefusalCase::Member => StartRefusal::Member {
                loss: self.loss(question),
            },
            decide::RefusalCase::LogLoss => StartRefusal::LogLoss {
                loss: self.loss(question),
                hurt: (self.store.tables() == TablesState::Hurt).then(|| Hurt {
                    fault: first_hurt().unwrap_or_default(),
                    applied: self.store.applied.index,
                }),
            },
            decide::RefusalCase::Gap => self.gap(),
        }
    }

    fn gap(&self) -> StartRefusal {
        let first = match &self.log.judged {
            LogFinding::Readable(log) => log.recovery().first_index,
            _ => 0,
        };
        let torn = match self.store.torn_bytes() {
            0 => String::new(),
            bytes => format!(
                " ({bytes} bytes at the end of the store's {} are unreadable)",
                self.store
                    .inventory
                    .as_ref()
                    .map_or("", |inventory| &inventory.manifest)
            ),
        };
        StartRefusal::Gap {
            log: self.log.path.clone(),
            first,
            store: self.store.path.clone(),
            applied: self.store.applied.index,
            torn,
        }
    }
}

/// Where, what, and who says so. What is lost is told once, of log and store together.
fn place(damage: &wal::LogDamage) -> String {
    format!(
        "{} is damaged at offset {}: {} ({}){}",
        damage.file.display(),
        damage.offset,
        damage.reason,
        damage.proof,
        stray(damage)
    )
}

/// People copy a segment beside the others, or give it another name.
fn stray(damage: &wal::LogDamage) -> String {
    let wal::Defect::OtherSegment { .. } = damage.reason else {
        return String::new();
    };
    let named = damage.reason.segment().unwrap_or_default();
    match damage.file.with_file_name(&named).exists() {
        true => format!(
            "; it is a copy of {named}, which lies beside it: if it was put there by mistake, move the copy away and start again"
        ),
        false => format!("; if it was renamed, give it its name {named} again and start again"),
    }
}

fn parts(voices: &[(&'static str, wal::Identity)]) -> String {
    let named = voices.iter().map(|(name, identity)| {
        format!(
            "{name} names member {:x} of cluster {:x}",
            identity.member, identity.cluster
        )
    });
    named.collect::<Vec<_>>().join(", ")
}
