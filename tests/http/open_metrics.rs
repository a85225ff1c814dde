//! A strict reader of OpenMetrics text: what it returns was whole, in order, and free of contradictions.

use std::collections::BTreeSet;

/// One line with a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    /// With the suffix of its kind.
    pub(crate) name: String,
    /// In the order given, values unescaped.
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) value: f64,
}

/// One metric family with all its samples.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) samples: Vec<Sample>,
}

/// A whole exposition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Exposition(pub(crate) Vec<Family>);

impl Exposition {
    /// The sum of the samples of that name.
    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        let samples = self.0.iter().flat_map(|family| &family.samples);
        let values = samples
            .filter(|sample| sample.name == name)
            .map(|sample| sample.value);
        values.reduce(|sum, value| sum + value)
    }
}

/// Reads an exposition.
///
/// # Panics
/// When it breaks a rule of the format; the message holds the line.
pub(crate) fn parse(text: &str) -> Exposition {
    let body = text
        .strip_suffix("# EOF\n")
        .expect("an exposition ends in # EOF");
    let mut families: Vec<Family> = Vec::new();
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            describe(&mut families, comment, line);
            continue;
        }
        let family = families
            .last_mut()
            .unwrap_or_else(|| panic!("{line}: before any family"));
        family.samples.push(sample(line));
    }
    let names: BTreeSet<&str> = families.iter().map(|family| family.name.as_str()).collect();
    assert_eq!(names.len(), families.len(), "a family comes twice");
    families.iter().for_each(check);
    Exposition(families)
}

fn describe(families: &mut Vec<Family>, comment: &str, line: &str) {
    let mut words = comment.splitn(3, ' ');
    let mut word = || words.next().unwrap_or_else(|| panic!("{line}: too short"));
    let (keyword, name, text) = (word(), word(), word());
    let is_new = families.last().is_none_or(|family| family.name != name);
    if is_new {
        families.push(Family {
            name: name.to_owned(),
            kind: "unknown".to_owned(),
            samples: Vec::new(),
        });
    }
    let family = families.last_mut().expect("there is one by now");
    assert!(family.samples.is_empty(), "{line}: after the samples");
    match keyword {
        "TYPE" => {
            assert_eq!(family.kind, "unknown", "{line}: a second type");
            family.kind = text.to_owned();
        }
        "HELP" => assert!(!text.is_empty(), "{line}"),
        "UNIT" => assert!(name.ends_with(&format!("_{text}")), "{line}"),
        _ => panic!("{line}: no such keyword"),
    }
}

fn sample(line: &str) -> Sample {
    let end = line
        .find(['{', ' '])
        .unwrap_or_else(|| panic!("{line}: no value"));
    let (name, rest) = line.split_at(end);
    let well_formed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    assert!(!name.is_empty() && name.chars().all(well_formed), "{line}");
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest, line),
        None => (Vec::new(), rest),
    };
    let value = rest
        .strip_prefix(' ')
        .unwrap_or_else(|| panic!("{line}: no blank"));
    let value = match value {
        "+Inf" => f64::INFINITY,
        _ => value
            .parse()
            .unwrap_or_else(|_| panic!("{line}: no number")),
    };
    Sample {
        name: name.to_owned(),
        labels,
        value,
    }
}

/// Labels up to the closing brace, and what follows it.
fn labels<'a>(text: &'a str, line: &str) -> (Vec<(String, String)>, &'a str) {
    let mut labels = Vec::new();
    let mut rest = text;
    loop {
        let (name, value) = rest
            .split_once("=\"")
            .unwrap_or_else(|| panic!("{line}: no label"));
        let mut unescaped = String::new();
        let mut characters = value.char_indices();
        let end = loop {
            match characters
                .next()
                .unwrap_or_else(|| panic!("{line}: open quotes"))
            {
                (at, '"') => break at,
                (_, '\\') => match characters.next() {
                    Some((_, 'n')) => unescaped.push('\n'),
                    Some((_, escaped @ ('"' | '\\'))) => unescaped.push(escaped),
                    other => panic!("{line}: escaped {other:?}"),
                },
                (_, character) => unescaped.push(character),
            }
        };
        assert!(
            labels.iter().all(|(have, _)| have != name),
            "{line}: {name} twice"
        );
        labels.push((name.to_owned(), unescaped));
        rest = &value[end + 1..];
        if let Some(after) = rest.strip_prefix('}') {
            return (labels, after);
        }
        rest = rest
            .strip_prefix(',')
            .unwrap_or_else(|| panic!("{line}: no comma"));
    }
}

fn check(family: &Family) {
    let name = &family.name;
    let suffixes: &[&str] = match family.kind.as_str() {
        "counter" => &["_total", "_created"],
        "gauge" | "unknown" => &[""],
        "histogram" => &["_bucket", "_count", "_sum", "_created"],
        "info" => &["_info"],
        kind => panic!("{name}: no such type: {kind}"),
    };
    let mut seen = BTreeSet::new();
    for sample in &family.samples {
        let suffix = sample.name.strip_prefix(name.as_str());
        let fits = suffix.is_some_and(|suffix| suffixes.contains(&suffix));
        assert!(
            fits,
            "{} is no sample of the {} {name}",
            sample.name, family.kind
        );
        assert!(
            seen.insert((&sample.name, &sample.labels)),
            "{sample:?} comes twice"
        );
        let may_fall = family.kind == "gauge" || family.kind == "unknown";
        assert!(may_fall || sample.value >= 0.0, "{sample:?}");
    }
    if family.kind == "histogram" {
        check_histogram(family);
    }
}

/// Buckets rise, the last has no bound, and holds as many as were counted. One histogram without other labels.
fn check_histogram(family: &Family) {
    let name = &family.name;
    let mut last = (f64::NEG_INFINITY, 0.0);
    for sample in family
        .samples
        .iter()
        .filter(|sample| sample.name.ends_with("_bucket"))
    {
        let [(label, bound)] = sample.labels.as_slice() else {
            panic!("{sample:?}: a bucket has its bound");
        };
        assert_eq!(label, "le", "{sample:?}");
        let bound = if bound == "+Inf" {
            f64::INFINITY
        } else {
            bound
                .parse()
                .unwrap_or_else(|_| panic!("{sample:?}: no bound"))
        };
        assert!(
            bound > last.0 && sample.value >= last.1,
            "{sample:?} after {last:?}"
        );
        last = (bound, sample.value);
    }
    let count = family
        .samples
        .iter()
        .find(|sample| sample.name == format!("{name}_count"));
    assert_eq!(
        Some(last),
        count.map(|count| (f64::INFINITY, count.value)),
        "{name}"
    );
}
