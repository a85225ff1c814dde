//! Which file takes what from which other file of its crate: every path that code names, followed to a file.
//!
//! A path counts where it leads: `use crate::http::body::Body` ties to `http/body.rs`. Where it leads to a name that another
//! room only passes on (`pub use`), it ties to that room's front, the file that passes it on. What a file passes on to
//! its own children is followed to where it is made, since a room may look into itself. `mod` lines and code for
//! tests tie nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::program;
use crate::rust_source::{NamedPath, Token, paths};
use crate::tree::{is_test_file, rust_files};

/// From one file to another: the names that the first takes from the second.
pub(crate) type Ties = BTreeMap<(String, String), BTreeSet<String>>;

/// The crates: where their files lie, and the file of their root.
const CRATES: [(&str, &str); 5] = [
    ("wal/src/", "lib.rs"),
    ("storage/src/", "lib.rs"),
    ("snapshot/src/", "lib.rs"),
    ("src/", "lib.rs"),
    ("src/bin/etcdctl/", "main.rs"),
];

type Module = Vec<String>;

/// What a file says that matters here.
struct Source {
    file: String,
    /// What it makes: functions, types, constants, macros.
    made: BTreeSet<String>,
    /// What its `use` lines bring, in full from the root of the crate.
    brought: BTreeMap<String, Module>,
    /// The modules of which it brings everything.
    globs: Vec<Module>,
    named: Vec<NamedPath>,
}

/// The modules of one crate.
struct Tree(BTreeMap<Module, Source>);

/// All ties of the workspace.
pub(crate) fn ties() -> Ties {
    let mut ties = Ties::new();
    for (place, root) in CRATES {
        let files = rust_files(place).into_iter().filter(|file| {
            let elsewhere = place == "src/" && file.starts_with("src/bin/");
            !is_test_file(file) && !elsewhere
        });
        let sources = files.map(|file| {
            let tokens = program(&file);
            let module = module_of(&file[place.len()..], root);
            (module, file, tokens)
        });
        ties.extend(Tree::new(sources.collect()).ties());
    }
    ties
}

/// The module that the file at `path` below its crate is.
fn module_of(path: &str, root: &str) -> Module {
    if path == root {
        return Module::new();
    }
    let stem = path.trim_end_matches(".rs");
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    stem.split('/').map(str::to_owned).collect()
}

/// The words behind which a name is made.
const MAKERS: [&str; 9] = [
    "fn",
    "struct",
    "enum",
    "trait",
    "type",
    "const",
    "static",
    "union",
    "macro_rules",
];

/// The names that `tokens` make outside every brace, those of modules within the file too.
fn made(tokens: &[Token]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        let next = |n: usize| tokens.get(at + n).map_or("", |token| token.text.as_str());
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth = depth.saturating_sub(1),
            "mod" if depth == 0 && next(2) == "{" => drop(names.insert(next(1).to_owned())),
            word if depth == 0 && MAKERS.contains(&word) => {
                let name = if next(1) == "!" { next(2) } else { next(1) };
                names.insert(name.to_owned());
            }
            _ => {}
        }
    }
    names
}

impl Tree {
    fn new(sources: Vec<(Module, String, Vec<Token>)>) -> Tree {
        let modules: BTreeSet<Module> = sources.iter().map(|(module, ..)| module.clone()).collect();
        let made = sources.into_iter().map(|(module, file, tokens)| {
            let mut source = Source {
                file,
                made: made(&tokens),
                brought: BTreeMap::new(),
                globs: Vec::new(),
                named: paths(&tokens),
            };
            // What is passed on and not used here ties nothing.
            let used = |name: &str| tokens.iter().filter(|token| token.text == name).count() > 1;
            source.named.iter_mut().for_each(|path| {
                path.passed_on &= !path.brought.as_deref().is_some_and(used);
            });
            for path in &source.named {
                let Some(name) = &path.brought else { continue };
                let Some(full) = from_root(&modules, &module, &path.segments) else {
                    continue;
                };
                if name == "*" {
                    source.globs.push(full[..full.len() - 1].to_vec());
                } else {
                    source.brought.insert(name.clone(), full);
                }
            }
            (module, source)
        });
        Tree(made.collect())
    }

    fn ties(&self) -> Ties {
        let modules: BTreeSet<Module> = self.0.keys().cloned().collect();
        let mut ties = Ties::new();
        for (module, source) in &self.0 {
            for path in source.named.iter().filter(|path| !path.passed_on) {
                let full = from_root(&modules, module, &path.segments).or_else(|| {
                    // A name that a `use` of this file brought.
                    let (first, rest) = path.segments.split_first()?;
                    let known = source.brought.get(first)?;
                    Some([known, rest].concat())
                });
                let Some((file, name)) = full.and_then(|full| self.lead(module, &full, 0)) else {
                    continue;
                };
                if file != source.file {
                    let tie = ties.entry((source.file.clone(), file)).or_default();
                    tie.insert(name);
                }
            }
        }
        ties
    }

    /// The file to which the path `full` leads for somebody in `module`, and the name taken there.
    fn lead(&self, module: &[String], full: &[String], steps: usize) -> Option<(String, String)> {
        let known = |length: &usize| self.0.contains_key(&full[..*length]);
        let mut at = (0..=full.len()).rev().find(known)?;
        // Of a function and a module with one name, the function is meant where the path ends.
        if at == full.len() && at > 0 {
            let parent = &self.0.get(&full[..at - 1]);
            let name = &full[at - 1];
            at -= usize::from(
                parent.is_some_and(|parent| parent.brought.get(name).is_some_and(|to| to != full)),
            );
        }
        let source = &self.0[&full[..at]];
        let Some(name) = full.get(at) else {
            return Some((source.file.clone(), "(the module)".to_owned()));
        };
        let inside = module.starts_with(&full[..at]);
        if steps < 8 && inside && !source.made.contains(name) {
            if let Some(next) = source.brought.get(name) {
                let next = [next, &full[at + 1..]].concat();
                return self.lead(module, &next, steps + 1);
            }
            for glob in &source.globs {
                let next = [glob, &full[at..]].concat();
                if self.makes(&next) {
                    return self.lead(module, &next, steps + 1);
                }
            }
        }
        Some((source.file.clone(), name.clone()))
    }

    fn makes(&self, full: &[String]) -> bool {
        let Some((name, module)) = full.split_last() else {
            return false;
        };
        self.0
            .get(module)
            .is_some_and(|source| source.made.contains(name) || source.brought.contains_key(name))
    }
}

/// `segments`, named in `module`, in full; `None` for what lies outside the crate or was brought by a `use`.
fn from_root(modules: &BTreeSet<Module>, module: &[String], segments: &[String]) -> Option<Module> {
    let mut base = module.to_vec();
    let mut rest = segments;
    let mut anchored = false;
    while let Some((first, after)) = rest.split_first() {
        match first.as_str() {
            "crate" => base.clear(),
            "super" => drop(base.pop()),
            "self" => {}
            child if !anchored => {
                base.push(child.to_owned());
                if !modules.contains(&base) {
                    return None;
                }
                return Some([base, after.to_vec()].concat());
            }
            _ => break,
        }
        anchored = true;
        rest = after;
    }
    Some([base, rest.to_vec()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rust_source::{tokens, without_tests};

    fn ties_of(sources: &[(&str, &str)]) -> Vec<String> {
        let sources = sources.iter().map(|(path, source)| {
            let module = module_of(path, "lib.rs");
            (module, (*path).to_owned(), without_tests(&tokens(source)))
        });
        let ties = Tree::new(sources.collect()).ties();
        let line = |((from, to), names): (&(String, String), &BTreeSet<String>)| {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            format!("{from} {to} {}", names.join(","))
        };
        ties.iter().map(line).collect()
    }

    #[test]
    fn paths_lead_to_files() {
        let found = ties_of(&[
            ("lib.rs", "mod a; mod b;"),
            (
                "a.rs",
                "use crate::b::{c::Deep, Own as Mine}; fn f() { Mine::g(); super::b::h(); }",
            ),
            ("b/mod.rs", "mod c; pub struct Own; pub fn h() {}"),
            ("b/c.rs", "use super::Own; pub struct Deep;"),
        ]);
        assert_eq!(
            found,
            [
                "a.rs b/c.rs Deep",
                "a.rs b/mod.rs Own,h",
                "b/c.rs b/mod.rs Own"
            ]
        );
    }

    #[test]
    fn what_a_room_passes_on_ties_to_its_front_from_outside_and_to_its_maker_from_inside() {
        let found = ties_of(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::Deep; fn f(_: Deep) {}"),
            ("b/mod.rs", "mod c; mod d; pub use c::Deep;"),
            ("b/c.rs", "pub struct Deep;"),
            ("b/d.rs", "use super::Deep;"),
        ]);
        assert_eq!(found, ["a.rs b/mod.rs Deep", "b/d.rs b/c.rs Deep"]);
    }

    #[test]
    fn modules_tests_and_other_crates_tie_nothing() {
        let found = ties_of(&[
            (
                "lib.rs",
                "mod a; mod b; use std::fmt; #[cfg(test)] use b::X;",
            ),
            (
                "a.rs",
                "use hyper::b::X; #[cfg(test)] mod tests { use crate::b::X; } fn f() { fmt::g(); X::h(); }",
            ),
            ("b.rs", "pub struct X; // crate::a::f"),
        ]);
        assert_eq!(found, [""; 0]);
    }
}
