//! The judge of histories is judged first: it takes what a register does, and finds each way not to be one.

use super::support::linearizable::{Action, Call, Reply, check};
use super::support::seed::{self, Rng};

/// A call from one moment to another that found this value.
fn call(action: Action, began: u64, at: u64, found: &str) -> Call {
    let found = (!found.is_empty()).then(|| found.to_owned());
    let reply = Some(Reply { at, found });
    Call {
        action,
        began,
        reply,
    }
}

fn unanswered(action: Action, began: u64) -> Call {
    Call {
        action,
        began,
        reply: None,
    }
}

fn set(value: &str) -> Action {
    Action::Set(value.to_owned())
}

fn swap(wanted: &str, value: &str) -> Action {
    Action::Swap(wanted.to_owned(), value.to_owned())
}

#[test]
fn what_a_register_does_is_taken() {
    let read = || Action::Read;
    let histories: [&[Call]; 7] = [
        &[],
        &[call(set("a"), 0, 1, ""), call(read(), 2, 3, "a")],
        // Both run at once: either order will do.
        &[call(set("a"), 0, 9, "b"), call(set("b"), 1, 8, "")],
        // A read meets the write that is on its way, and the next one need not be later than that.
        &[
            call(set("a"), 0, 9, ""),
            call(read(), 1, 2, ""),
            call(read(), 3, 4, "a"),
        ],
        // A comparison that fails has found another value.
        &[
            call(set("a"), 0, 1, ""),
            call(swap("b", "c"), 2, 3, "a"),
            call(swap("a", "d"), 4, 5, "a"),
            call(Action::Delete, 6, 7, "d"),
            call(Action::Delete, 8, 9, ""),
        ],
        // An unanswered write shows late, or never.
        &[
            unanswered(set("a"), 0),
            unanswered(set("never"), 0),
            call(read(), 1, 2, ""),
            call(read(), 3, 4, "a"),
        ],
        // Nobody found `b`, and still it must have stood there for a moment.
        &[
            unanswered(set("b"), 0),
            unanswered(swap("b", "c"), 0),
            unanswered(Action::Delete, 0),
            call(read(), 5, 6, "c"),
            call(read(), 7, 8, ""),
        ],
    ];
    for history in histories {
        check(history).unwrap_or_else(|why| panic!("{why}\n{history:#?}"));
    }
}

#[test]
fn what_no_register_does_is_found() {
    let read = || Action::Read;
    let histories: [(&str, &[Call]); 8] = [
        (
            "stale read",
            &[
                call(set("a"), 0, 1, ""),
                call(set("b"), 2, 3, "a"),
                call(read(), 4, 5, "a"),
            ],
        ),
        (
            "a read that goes back while the write is on its way",
            &[
                call(set("a"), 0, 9, ""),
                call(read(), 1, 2, "a"),
                call(read(), 3, 4, ""),
            ],
        ),
        (
            "lost write",
            &[call(set("a"), 0, 1, ""), call(read(), 2, 3, "")],
        ),
        (
            "two that both created",
            &[call(set("a"), 0, 9, ""), call(set("b"), 1, 8, "")],
        ),
        (
            "two comparisons that both found the value",
            &[
                call(set("a"), 0, 1, ""),
                call(swap("a", "b"), 2, 9, "a"),
                call(swap("a", "c"), 3, 8, "a"),
            ],
        ),
        (
            "a value from nowhere",
            &[call(set("a"), 0, 1, ""), call(read(), 2, 3, "b")],
        ),
        (
            "an unanswered write that took effect twice",
            &[
                unanswered(set("a"), 0),
                call(read(), 1, 2, "a"),
                call(Action::Delete, 3, 4, "a"),
                call(read(), 5, 6, "a"),
            ],
        ),
        (
            "an unanswered write before it began",
            &[call(read(), 0, 1, "a"), unanswered(set("a"), 2)],
        ),
    ];
    for (what, history) in histories {
        assert!(check(history).is_err(), "{what}");
    }
}

/// A history that a register makes, with some answers lost; each call takes effect somewhere between its ends.
fn made(rng: &mut Rng, calls: u64) -> Vec<Call> {
    let (mut value, mut history) = (None::<String>, Vec::new());
    for number in 0..calls {
        // Some forty calls overlap each other.
        let moment = number * 100;
        let action = match rng.below(4) {
            0 => Action::Read,
            1 => Action::Set(number.to_string()),
            2 => Action::Swap(value.clone().unwrap_or_default(), number.to_string()),
            _ => Action::Delete,
        };
        let found = value.clone();
        let takes_effect = rng.chance(95);
        if takes_effect {
            value = match &action {
                Action::Read => value,
                Action::Set(new) => Some(new.clone()),
                Action::Swap(wanted, new) if found.as_ref() == Some(wanted) => Some(new.clone()),
                Action::Swap(..) => value,
                Action::Delete => None,
            };
        }
        let (began, at) = (
            moment.saturating_sub(rng.below(400)),
            moment + rng.below(400),
        );
        let reply = (takes_effect && rng.chance(97)).then_some(Reply { at, found });
        history.push(Call {
            action,
            began,
            reply,
        });
    }
    history
}

#[test]
fn long_histories_are_judged_in_time() {
    let seed = seed::from_env("CLUSTER_SEED");
    let mut rng = Rng::new(seed);
    let mut seen = 0;
    for _ in 0..5 {
        let mut history = made(&mut rng, 2_000);
        check(&history).unwrap_or_else(|why| panic!("CLUSTER_SEED={seed}: {why}"));
        // An answer that tells of a value which stood there long before.
        let early = history[100].clone();
        let late = history.iter_mut().skip(1_500);
        let mut late = late.filter_map(|call| call.reply.as_mut());
        late.next().expect("most are answered").found = match early.action {
            Action::Set(value) => Some(value),
            _ => Some("nobody's".to_owned()),
        };
        seen += u32::from(check(&history).is_err());
    }
    // Now and then such an answer is one that could have been given.
    assert!(seen >= 3, "CLUSTER_SEED={seed}");
}
