//! What the house counts: files, lines, functions, assertions, circles, names.
//!
//!     cargo test --test house counts -- --nocapture
//!     HOUSE=path/to/another/checkout cargo test --test house counts -- --nocapture

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, ImplItemFn, ItemFn, ItemMod, Macro, Signature, TraitItemFn};

use crate::circles::circles;
use crate::imports::ties;
use crate::names::{is_for_tests, several_meanings};
use crate::tree::{files, is_test_file, rust_files, text};

/// A function past this many lines deserves a second look.
const LONG: usize = 60;

/// The functions of programs, and what they assert.
#[derive(Default)]
struct Functions {
    count: usize,
    assertions: usize,
    /// Lines and names of those past [`LONG`].
    long: Vec<(usize, String)>,
}

impl Functions {
    fn function(&mut self, attributes: &[Attribute], signature: &Signature, body: &Block) {
        if attributes.iter().any(is_for_tests) {
            return;
        }
        self.count += 1;
        let lines =
            body.brace_token.span.close().end().line - signature.fn_token.span.start().line + 1;
        if lines > LONG {
            self.long.push((lines, signature.ident.to_string()));
        }
        self.visit_block(body);
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !item.attrs.iter().any(is_for_tests) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.function(&item.attrs, &item.sig, &item.block);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.function(&item.attrs, &item.sig, &item.block);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(body) = &item.default {
            self.function(&item.attrs, &item.sig, body);
        }
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        let asserts = |name: &str| name.starts_with("assert") || name.starts_with("debug_assert");
        let name = item.path.segments.last().map(|last| last.ident.to_string());
        self.assertions += usize::from(name.is_some_and(|name| asserts(&name)));
    }
}

/// The room of a file: a crate, a directory below `src`, or the tests.
fn room(file: &str) -> String {
    let parts: Vec<&str> = file.split('/').collect();
    match parts[..] {
        _ if file.contains("tests/") || file.ends_with("/tests.rs") => "tests".to_owned(),
        ["src", file] => format!("src/{}", file.trim_end_matches(".rs")),
        ["src", "bin", program, ..] => format!("src/bin/{}", program.trim_end_matches(".rs")),
        ["src", room, ..] => format!("src/{room}"),
        [top, ..] => top.to_owned(),
        [] => String::new(),
    }
}

#[test]
fn counts_of_the_house() {
    let source = |file: &String| {
        [".rs", ".py", ".sh", ".lua"]
            .iter()
            .any(|end| file.ends_with(end))
    };
    let mut rooms: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for file in files("").into_iter().filter(source) {
        let (files, lines) = rooms.entry(room(&file)).or_default();
        *files += 1;
        *lines += text(&file).unwrap_or_default().lines().count();
    }
    println!("{:<20} {:>6} {:>7}", "room", "files", "lines");
    for (room, (files, lines)) in &rooms {
        println!("{room:<20} {files:>6} {lines:>7}");
    }
    let mut functions = Functions::default();
    let crates = ["wal/src", "storage/src", "snapshot/src", "src"];
    for file in crates
        .into_iter()
        .flat_map(rust_files)
        .filter(|file| !is_test_file(file))
    {
        let before = functions.long.len();
        let source = text(&file).unwrap().parse::<TokenStream>().unwrap();
        functions.visit_file(&syn::parse2(source).unwrap());
        functions.long[before..]
            .iter_mut()
            .for_each(|(_, name)| *name = format!("{file}: {name}"));
    }
    let Functions {
        count,
        assertions,
        mut long,
    } = functions;
    println!("functions of programs: {count}");
    println!(
        "assertions in them: {assertions}, {:.3} for each function",
        assertions as f64 / count as f64
    );
    long.sort_by(|a, b| b.cmp(a));
    println!("functions of more than {LONG} lines: {}", long.len());
    for (lines, name) in &long {
        println!("    {lines:>4} {name}");
    }
    let circles = circles(&ties());
    let members: usize = circles.iter().map(Vec::len).sum();
    println!("circles of files: {} with {members} files", circles.len());
    println!(
        "type names with several meanings: {}",
        several_meanings().len()
    );
    assert!(count > 1_000, "the functions are not read");
}
