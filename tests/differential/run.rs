//! A run of many steps from one seed, and the search for the few of them that still show a difference.

use std::time::{Duration, Instant};

use super::generate::Generator;
use super::op::Op;
use super::pair::{Difference, Pair};
use super::{expiring, watching};

/// One replayable step.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// One exchange.
    Exchange(Op),
    /// A watch block: (seed, number).
    Watching(u64, u64),
    /// An expiry block: (seed, number).
    Expiring(u64, u64),
}

impl Step {
    fn take(&self, pair: &mut Pair) -> Result<(), Difference> {
        match self {
            Step::Exchange(op) => pair.exchange(op).map(drop),
            Step::Watching(seed, number) => watching::block(pair, *seed, *number),
            Step::Expiring(seed, number) => expiring::block(pair, *seed, *number),
        }
    }
}

/// How many steps of which kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Where all choices come from.
    pub(crate) seed: u64,
    /// Random exchanges.
    pub(crate) operations: u64,
    /// One watch block after this many exchanges.
    pub(crate) watching_every: u64,
    /// One expiry block after this many exchanges; each takes about seven seconds.
    pub(crate) expiring_every: u64,
}

/// A failed run.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exchange (counted from 1) after which it happened.
    pub(crate) operation: u64,
    /// What differed.
    pub(crate) difference: Difference,
    /// Everything up to and including the step that showed it.
    pub(crate) steps: Vec<Step>,
}

/// Runs `plan` on `pair`.
///
/// # Errors
/// The first difference.
pub(crate) fn run(pair: &mut Pair, plan: Plan) -> Result<(), Failure> {
    let mut generator = Generator::new(plan.seed, "");
    let mut steps = Vec::new();
    for operation in 1..=plan.operations {
        if operation % plan.watching_every == 0 {
            let step = Step::Watching(generator.rng().next(), operation);
            follow(pair, &mut steps, step, operation)?;
        }
        if operation % plan.expiring_every == 0 {
            let step = Step::Expiring(generator.rng().next(), operation);
            follow(pair, &mut steps, step, operation)?;
        }
        let op = generator.next(pair.newest);
        steps.push(Step::Exchange(op.clone()));
        match pair.exchange(&op) {
            Ok(answers) => generator.learn(&op, &answers, pair.sides[1].origin.base),
            Err(difference) => {
                return Err(Failure {
                    operation,
                    difference,
                    steps,
                });
            }
        }
    }
    Ok(())
}

fn follow(
    pair: &mut Pair,
    steps: &mut Vec<Step>,
    step: Step,
    operation: u64,
) -> Result<(), Failure> {
    steps.push(step.clone());
    step.take(pair).map_err(|difference| Failure {
        operation,
        difference,
        steps: std::mem::take(steps),
    })
}

/// Looks for a shorter list of steps that still shows some difference on fresh servers: ever longer tails first, then
/// without each half, quarter, … of what is left. Returns the shortest found within `budget`.
pub(crate) fn shrink(
    fresh: impl Fn() -> Pair,
    steps: Vec<Step>,
    budget: Duration,
) -> Option<(Vec<Step>, Difference)> {
    let deadline = Instant::now() + budget;
    let attempt = |steps: &[Step]| {
        let mut pair = fresh();
        // Without what came before it, a watch may wait for ever: it is passed over.
        pair.patience = Duration::from_millis(300);
        steps.iter().find_map(|step| match step.take(&mut pair) {
            Err(Difference::Silence(_)) => {
                pair.reconnect();
                None
            }
            other => other.err(),
        })
    };
    let mut best = None;
    let mut length = 1;
    while best.is_none() && Instant::now() < deadline {
        let tail = &steps[steps.len() - length..];
        best = attempt(tail).map(|difference| (tail.to_vec(), difference));
        if length == steps.len() {
            break;
        }
        length = (length * 4).min(steps.len());
    }
    let (mut best, mut difference) = best?;
    let mut part = best.len() / 2;
    while part > 0 && Instant::now() < deadline {
        let mut at = 0;
        while at < best.len() && Instant::now() < deadline {
            let mut without = best.clone();
            without.drain(at..(at + part).min(best.len()));
            match attempt(&without) {
                Some(found) => (best, difference) = (without, found),
                None => at += part,
            }
        }
        part /= 2;
    }
    Some((best, difference))
}
