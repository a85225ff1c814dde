//! A type name means one thing in the whole workspace: who reads `Reply` need not ask which.
//!
//! Two types of one name in one file are one meaning: a message and its form on the wire. Types within a function are
//! met by nobody else.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{Attribute, Ident, ItemEnum, ItemMod, ItemStruct, ItemTrait, ItemType, ItemUnion, Meta};

use crate::report;
use crate::tree::{is_test_file, rust_files, text};

/// Every crate has one of its own.
const ALLOWED: [&str; 1] = ["Error"];

/// Names that still mean several things. The list only shrinks: a name that means one thing is taken out.
const STILL: [&str; 0] = [];

/// The names of the types that a file makes for programs, with their lines.
struct Types(Vec<(String, usize)>);

impl Types {
    fn of(source: &str) -> syn::Result<Vec<(String, usize)>> {
        let mut types = Types(Vec::new());
        types.visit_file(&syn::parse_file(source)?);
        Ok(types.0)
    }

    fn note(&mut self, name: &Ident, attributes: &[Attribute]) {
        if !attributes.iter().any(is_for_tests) {
            self.0.push((name.to_string(), name.span().start().line));
        }
    }
}

/// `#[cfg(test)]`, `#[cfg(all(test, …))]`, but not `#[cfg(not(test))]`.
pub(crate) fn is_for_tests(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else {
        return false;
    };
    let words = list.tokens.to_string();
    let has = |wanted: &str| {
        words
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| word == wanted)
    };
    list.path.is_ident("cfg") && has("test") && !has("not")
}

impl<'ast> Visit<'ast> for Types {
    fn visit_block(&mut self, _: &'ast syn::Block) {}

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !item.attrs.iter().any(is_for_tests) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_struct(&mut self, item: &'ast ItemStruct) {
        self.note(&item.ident, &item.attrs);
    }

    fn visit_item_enum(&mut self, item: &'ast ItemEnum) {
        self.note(&item.ident, &item.attrs);
    }

    fn visit_item_trait(&mut self, item: &'ast ItemTrait) {
        self.note(&item.ident, &item.attrs);
    }

    fn visit_item_type(&mut self, item: &'ast ItemType) {
        self.note(&item.ident, &item.attrs);
    }

    fn visit_item_union(&mut self, item: &'ast ItemUnion) {
        self.note(&item.ident, &item.attrs);
    }
}

pub(crate) type Places = BTreeMap<String, Vec<String>>;

/// The names that are made more than once, and where.
fn doubled(types: impl Iterator<Item = (String, String)>) -> Places {
    let mut places = Places::new();
    for (name, place) in types {
        places.entry(name).or_default().push(place);
    }
    places.retain(|name, places| places.len() > 1 && !ALLOWED.contains(&name.as_str()));
    places
}

fn of_the_workspace() -> impl Iterator<Item = (String, String)> {
    let crates = ["wal/src", "storage/src", "snapshot/src", "src"];
    let files = crates
        .into_iter()
        .flat_map(rust_files)
        .filter(|file| !is_test_file(file));
    files.flat_map(|file| {
        let types = Types::of(&text(&file).unwrap()).unwrap_or_else(|e| panic!("{file}: {e}"));
        let placed = move |(name, line)| (name, format!("{file}:{line}"));
        let first: BTreeMap<_, _> = types.into_iter().rev().collect();
        first.into_iter().map(placed)
    })
}

/// The names of the workspace that mean several things.
pub(crate) fn several_meanings() -> Places {
    doubled(of_the_workspace())
}

#[test]
fn a_type_name_means_one_thing() {
    let doubled = several_meanings();
    let still = BTreeSet::from(STILL);
    let new = doubled
        .iter()
        .filter(|(name, _)| !still.contains(name.as_str()));
    let new = new.map(|(name, places)| format!("{name}: {}", places.join(", ")));
    report("a type name means several things", new.collect());
    let gone = still
        .into_iter()
        .filter(|name| !doubled.contains_key(*name));
    report(
        "one meaning now: take it out of STILL",
        gone.map(str::to_owned).collect(),
    );
}

#[test]
fn a_second_meaning_is_noticed_and_code_for_tests_is_not_asked() {
    let types = |file: &str, source: &str| {
        let file = file.to_owned();
        let types = Types::of(source).unwrap().into_iter();
        types.map(move |(name, line)| (name, format!("{file}:{line}")))
    };
    let first = "struct Reply;\nenum Error {}\ntrait Fs { type Item; }\nimpl Fs for Reply { type Item = u8; }";
    let second = "#[cfg(test)] struct Fs;\n#[cfg(test)] mod tests { struct Fs; }\ntype Reply = u8;\nstruct Error;\nstruct Item;";
    let found = doubled(types("a.rs", first).chain(types("b.rs", second)));
    let wanted = vec!["a.rs:1".to_owned(), "b.rs:3".to_owned()];
    assert_eq!(found, Places::from([("Reply".to_owned(), wanted)]));
}
