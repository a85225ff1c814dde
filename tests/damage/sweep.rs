//! One bit in each KiB of live bytes of every file, through the judgement, in this process: no server is started, so all
//! of them can be tried. What the judgement lets pass is read whole, as a server would: what a bit did must show.
//!
//! | outcome | when |
//! |---|---|
//! | refused | the judgement refuses, and names the file |
//! | set aside | the log is not needed, and what is told names the file |
//! | torn, told | bytes that nothing proves synced are cut, with the file |
//! | written anew | a small file is known to be damaged |
//! | known | a table is known to be hurt before the store is opened |
//! | met | reading the store whole meets the damage, and names the file |
//! | harmless | log and store are bit for bit what they were, and there is a reason |

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use etcd2::node::identity_file;
use etcd2::node::judgement::{Judgement, PlannedLog, Question, StartPlan, judge};
use etcd2::node::recovery::RecoveryError;
use wal::fs::OsFs;

use super::image::name;
use super::injection::{Action, Injection};
use super::made::Made;
use super::verdict::harmless;

/// What became of one bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Met {
    Refused,
    SetAside,
    Torn,
    Anew,
    Known,
    Read,
    Harmless(&'static str),
}

/// A directory on the disk, and what is seen in it when it is sound.
pub(crate) struct Sweep<'a> {
    made: &'a Made,
    home: tempfile::TempDir,
    sound: Seen,
}

/// All that log and store hold, by sums over all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    log_end: wal::Witness,
    store: Held,
    witness: Option<wal::Witness>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    applied: storage::Applied,
    verified: storage::Verified,
}

impl<'a> Sweep<'a> {
    /// Lays the directory out.
    ///
    /// # Panics
    /// When the sound directory is not.
    pub(crate) fn new(made: &'a Made) -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        made.image.clone().without_spares().restore(home.path());
        let plan = match look(home.path()) {
            Ok(Judgement::Start(plan)) => plan,
            Ok(Judgement::Found) => panic!("a node was here"),
            Err(error) => panic!("{error}"),
        };
        assert!(plan.inventory.faults.is_empty());
        let store = read_store(home.path()).expect("a sound store is read");
        let log_end = log_end(&plan).expect("a sound log is opened");
        let witness = plan.witness_file.testimony().map(|said| said.witness);
        Self {
            made,
            home,
            sound: Seen {
                log_end,
                store,
                witness,
            },
        }
    }

    /// Turns the bit, looks, and turns it back. `Err` is what is against the rules.
    pub(crate) fn turn(&self, injection: &Injection) -> Result<Met, String> {
        let Action::Bit(at, bit) = injection.action else {
            panic!("{}: no bit", injection.id);
        };
        let path = self.home.path().join(&injection.file);
        let file = File::options()
            .write(true)
            .open(&path)
            .expect("it is there");
        let byte = self.made.image.0[&injection.file].bytes[at];
        let put = |byte: u8| {
            file.write_all_at(&[byte], at as u64)
                .expect("it can be written")
        };
        put(byte ^ 1 << bit);
        let met = self.met(injection);
        put(byte);
        met
    }

    fn met(&self, injection: &Injection) -> Result<Met, String> {
        let named = |text: &str| match injection.named_in(text) {
            true => Ok(()),
            false => Err(format!("{} is not named: {text}", name(&injection.file))),
        };
        let plan = match look(self.home.path()) {
            Ok(Judgement::Start(plan)) => plan,
            Ok(Judgement::Found) => return Err("a new node would be founded".to_owned()),
            Err(error) if error.is_about_data() => {
                named(&error.to_string())?;
                return Ok(Met::Refused);
            }
            Err(error) => return Err(format!("not taken for damage: {error}")),
        };
        if let Some(fault) = plan.inventory.faults.first() {
            named(&fault.to_string())?;
            return Ok(Met::Known);
        }
        match &plan.log {
            PlannedLog::Replace(loss) | PlannedLog::Salvage(loss, _) => {
                named(&loss.why())?;
                return Ok(Met::SetAside);
            }
            PlannedLog::Leave => return Err("the store is only read, and no fault is told".into()),
            PlannedLog::Finish(_) => return Err("no snapshot was installed".into()),
            PlannedLog::Open(log) => {
                if let Some(cut) = &log.recovery().torn_tail {
                    named(&cut.file.display().to_string())?;
                    return Ok(Met::Torn);
                }
            }
        }
        if plan.inventory.torn.is_some() {
            named(&plan.inventory.manifest)?;
            return Ok(Met::Torn);
        }
        if !plan.witness_file.is_whole()
            || !matches!(plan.identity_file, identity_file::FoundIdentity::Known(_))
        {
            return Ok(Met::Anew);
        }
        self.read(injection, &plan, named)
    }

    fn read(
        &self,
        injection: &Injection,
        plan: &StartPlan<OsFs>,
        named: impl Fn(&str) -> Result<(), String>,
    ) -> Result<Met, String> {
        let store = match injection.file.starts_with("store") {
            true => match read_store(self.home.path()) {
                Ok(store) => store,
                Err(error) if error.damage().is_some() => {
                    named(&error.to_string())?;
                    return Ok(Met::Read);
                }
                Err(error) => return Err(format!("not taken for damage: {error}")),
            },
            // Its files are as they were.
            false => self.sound.store.clone(),
        };
        let seen = Seen {
            log_end: log_end(plan).ok_or("the log is not opened")?,
            store,
            witness: plan.witness_file.testimony().map(|said| said.witness),
        };
        if seen != self.sound {
            return Err(format!("silently {seen:?} instead of {:?}", self.sound));
        }
        harmless(injection, self.made)
            .map(Met::Harmless)
            .ok_or_else(|| "nothing shows, and there is no reason for it".to_owned())
    }
}

fn look(directory: &Path) -> Result<Judgement<OsFs>, RecoveryError> {
    let question = Question {
        directory,
        copied: false,
        accept_log_loss: None,
    };
    judge(&OsFs, &question)
}

fn log_end(plan: &StartPlan<OsFs>) -> Option<wal::Witness> {
    match &plan.log {
        PlannedLog::Open(log) => Some(log.end()),
        _ => None,
    }
}

/// Every row of every family, and that they fit together.
fn read_store(home: &Path) -> Result<Held, storage::Error> {
    let options = storage::StoreOptions {
        node_cache_bytes: 0,
        ..storage::StoreOptions::default()
    };
    let (store, _writer) =
        storage::open_with(&home.join("store"), options, &storage::Mode::ReadOnly)?;
    let lease = store.lease()?;
    Ok(Held {
        applied: lease.applied(),
        verified: lease.view().verify()?,
    })
}

/// The counts by kind of file; the second value is how many are against the rules.
pub(crate) fn report(results: &[(&Injection, Result<Met, String>)], seed: u64) -> (String, usize) {
    let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
    let mut bad = Vec::new();
    for (injection, met) in results {
        let word = match met {
            Ok(Met::Harmless(reason)) => format!("harmless: {reason}"),
            Ok(met) => format!("{met:?}"),
            Err(_) => "AGAINST THE RULES".to_owned(),
        };
        *counts.entry((injection.class, word)).or_default() += 1;
        if let Err(what) = met {
            bad.push(format!(
                "DAMAGE_SEED={seed} DAMAGE_ONLY='{}' cargo test --test damage each_kib\n    {what}",
                injection.id
            ));
        }
    }
    let lines = counts
        .into_iter()
        .map(|((class, word), count)| format!("{count:6} {class}: {word}"));
    let lines: Vec<String> = lines.chain(bad.iter().cloned()).collect();
    (lines.join("\n"), bad.len())
}
