//! Cuts a failing case down: whatever can be left out while the case still fails is left out.

use super::Command;
use super::generator::Step;

/// How often a case may be run again; each run opens a store.
const RUNS: usize = 200;

/// A part of `steps`, still failing, from which no step, command or operation that was tried could
/// be taken.
pub(crate) fn shrink(steps: &[Step], mut fails: impl FnMut(&[Step]) -> bool) -> Vec<Step> {
    let mut runs = 0;
    let mut still_fails = |candidate: &[Step]| {
        runs += 1;
        runs <= RUNS && fails(candidate)
    };
    let mut steps = without_parts(steps.to_vec(), &mut still_fails);
    for at in 0..steps.len() {
        let Some(commands) = commands_of(&steps[at]) else {
            continue;
        };
        let commands = without_parts(commands.clone(), |fewer| {
            still_fails(&replaced(&steps, at, fewer.to_vec()))
        });
        steps = replaced(&steps, at, commands.clone());
        for (place, command) in commands.iter().enumerate() {
            let mut commands = commands_of(&steps[at]).cloned().unwrap_or_default();
            let operations = without_parts(command.operations.clone(), |fewer| {
                commands[place].operations = fewer.to_vec();
                still_fails(&replaced(&steps, at, commands.clone()))
            });
            commands[place].operations = operations;
            steps = replaced(&steps, at, commands);
        }
    }
    steps
}

fn commands_of(step: &Step) -> Option<&Vec<Command>> {
    match step {
        Step::Batch(commands) | Step::Abandon(commands) => Some(commands),
        Step::Flush | Step::Crash | Step::CompactTables | Step::Compact(_) | Step::Move => None,
    }
}

fn replaced(steps: &[Step], at: usize, commands: Vec<Command>) -> Vec<Step> {
    let mut steps = steps.to_vec();
    if let Step::Batch(inside) | Step::Abandon(inside) = &mut steps[at] {
        *inside = commands;
    }
    steps
}

/// Takes away halves, then quarters, down to single items, as long as what remains still fails.
fn without_parts<T: Clone>(mut items: Vec<T>, mut still_fails: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let mut size = items.len() / 2;
    while size > 0 {
        let mut start = 0;
        while start < items.len() {
            let end = (start + size).min(items.len());
            let fewer = [&items[..start], &items[end..]].concat();
            if !fewer.is_empty() && still_fails(&fewer) {
                items = fewer;
            } else {
                start = end;
            }
        }
        size /= 2;
    }
    items
}

#[test]
fn a_failure_is_cut_down_to_what_causes_it() {
    let steps = super::generator::case(7, 40);
    let removals = |steps: &[Step]| {
        let commands = steps.iter().filter_map(commands_of).flatten();
        let operations = commands.flat_map(|command| &command.operations);
        operations
            .filter(|operation| matches!(operation, storage::Operation::Delete { .. }))
            .count()
    };
    assert!(removals(&steps) > 2, "the case is long enough to be cut");
    let fewest = shrink(&steps, |candidate| removals(candidate) >= 2);
    let operations = fewest
        .iter()
        .filter_map(commands_of)
        .flatten()
        .map(|command| command.operations.len());
    assert_eq!((removals(&fewest), operations.sum::<usize>()), (2, 2));
}
