//! Whether two outputs are the same to a script: equal but for addresses, ids, and the passing of time.

use super::notation::{First, Terms};
use super::side::{Ending, Side};
use super::support::server::Kind;
use super::support::transcript::{Choice, TTL_SLACK, is_time};

/// How a line came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Both printed the same.
    Equal,
    /// Ours printed what the reference decided.
    Chosen,
}

/// An ending with what must differ replaced.
struct Neutral {
    stdout: Vec<String>,
    stderr: Vec<String>,
    ttls: Vec<u64>,
    code: Option<i32>,
}

/// Compares the endings of one line on both sides; `same` says that both are the same client.
///
/// # Errors
/// In one sentence, when the line does not come out as its terms say.
pub(crate) fn judge(
    terms: &Terms,
    choice: Option<&Choice>,
    sides: [&Side; 2],
    endings: [&Ending; 2],
    same: bool,
) -> Result<Verdict, String> {
    for (name, ending) in ["the reference", "ours"].iter().zip(endings) {
        if ending.code.is_none() {
            return Err(format!("{name} did not end by itself"));
        }
        if let Some(text) = terms
            .shows
            .iter()
            .find(|text| !words(&ending.stdout).contains(*text))
        {
            return Err(format!("{name} does not show {text:?}"));
        }
    }
    let unsorted = terms.unsorted && sides[0].server().kind() == Kind::Debian;
    let [reference, ours] = [0, 1].map(|at| neutral(sides[at], endings[at], terms.first, unsorted));
    let equal = equal(&reference, &ours);
    let Some(choice) = choice else {
        return equal.map(|()| Verdict::Equal);
    };
    let Ending {
        stdout,
        stderr,
        code,
    } = endings[1];
    let stdout = part(stdout, terms.first.output);
    let stderr = part(stderr, terms.first.errors);
    let decided = choice.ours.fits(sides[1].words(), stdout, stderr, *code);
    let needless = || format!("equal: the choice {:?} is not needed", choice.section);
    if same {
        // Nothing of ours to judge, but what the original prints by itself needs no choice.
        return match (choice.steady, decided) {
            (true, true) => Err(needless()),
            (true, false) => equal.map(|()| Verdict::Chosen),
            (false, _) => Ok(Verdict::Chosen),
        };
    }
    if equal.is_ok() && choice.steady {
        return Err(needless());
    }
    if decided {
        return Ok(Verdict::Chosen);
    }
    let wanted = choice.ours.show();
    Err(format!(
        "not what the choice {:?} says:\n{wanted}",
        choice.section
    ))
}

/// `text` on one line: a help text may break its lines where it likes.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first line of `text` if only that counts.
fn part(text: &str, first: bool) -> &str {
    match text.find('\n') {
        Some(end) if first => &text[..=end],
        _ => text,
    }
}

fn equal(reference: &Neutral, ours: &Neutral) -> Result<(), String> {
    if reference.stdout != ours.stdout {
        return Err("standard output differs".to_owned());
    }
    if reference.stderr != ours.stderr {
        return Err("standard error differs".to_owned());
    }
    if reference.code != ours.code {
        return Err("the exit codes differ".to_owned());
    }
    let near = |(a, b): (&u64, &u64)| a.abs_diff(*b) <= TTL_SLACK;
    if !reference.ttls.iter().zip(&ours.ttls).all(near) {
        return Err(format!(
            "times to live {:?} and {:?}",
            reference.ttls, ours.ttls
        ));
    }
    Ok(())
}

fn neutral(side: &Side, ending: &Ending, first: First, unsorted: bool) -> Neutral {
    let mut ttls = Vec::new();
    let mut lines = |text: &str, first: bool| -> Vec<String> {
        let text = timeless(&side.neutral(part(text, first)), &mut ttls);
        // Split, not `lines`: whether the last line is ended counts too.
        text.split('\n').map(str::to_owned).collect()
    };
    let mut stdout = lines(&ending.stdout, first.output);
    let stderr = lines(&ending.stderr, first.errors);
    if unsorted {
        stdout.sort();
    }
    Neutral {
        stdout,
        stderr,
        ttls,
        code: ending.code,
    }
}

/// `text` without expirations and the seconds left until them, which are collected in `ttls`.
fn timeless(text: &str, ttls: &mut Vec<u64>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((at, mark)) = [r#""expiration":""#, r#""ttl":"#, "TTL: "]
        .iter()
        .filter_map(|mark| Some((rest.find(mark)?, *mark)))
        .min()
    {
        let (before, after) = rest.split_at(at + mark.len());
        out.push_str(before);
        rest = after;
        if mark.ends_with('"') {
            let time = rest.split('"').next().unwrap_or_default();
            if is_time(time) {
                out.push_str("<time>");
                rest = &rest[time.len()..];
            }
        } else {
            let digits = rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len());
            // No time to live is shown as 0, and is not the same as one of a few seconds.
            if let Ok(ttl) = rest[..digits].parse::<u64>()
                && ttl > 0
            {
                ttls.push(ttl);
                out.push_str("<ttl>");
                rest = &rest[digits..];
            }
        }
    }
    out + rest
}

#[test]
fn times_are_taken_out_and_nothing_else() {
    let mut ttls = Vec::new();
    let text =
        r#"TTL: 100, TTL: 0, {"ttl":7,"expiration":"2026-11-22T05:56:13.5Z"} "expiration":"soon""#;
    let wanted = r#"TTL: <ttl>, TTL: 0, {"ttl":<ttl>,"expiration":"<time>"} "expiration":"soon""#;
    assert_eq!(timeless(text, &mut ttls), wanted);
    assert_eq!(ttls, [100, 7]);
}
