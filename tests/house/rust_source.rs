//! Just enough of Rust's grammar to ask which paths a file names: comments, literals and test code
//! do not count.
//!
//! It works on tokens, since paths also stand in macros, whose insides no parser of Rust knows.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// A word or a punctuation character, and its line, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// A path as it would be written in full, the name that it gets in its file, and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedPath {
    pub(crate) segments: Vec<String>,
    /// What a `use` calls it; `None` for a path in code.
    pub(crate) brought: Option<String>,
    /// Whether that `use` passes it on (`pub use`, in any reach).
    pub(crate) passed_on: bool,
    pub(crate) line: usize,
}

impl NamedPath {
    /// Whether the path begins with `prefix`, written with `::`.
    pub(crate) fn starts_with(&self, prefix: &str) -> bool {
        let mut own = self.segments.iter();
        prefix
            .split("::")
            .all(|segment| own.next().is_some_and(|own| own == segment))
    }
}

/// The words and punctuation of `source`, without comments and literals.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let stream = source.parse().unwrap_or_else(|e| {
        panic!(
            "no Rust: {e}: {}",
            source.lines().next().unwrap_or_default()
        )
    });
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    tokens
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    let mut trees = stream.into_iter().peekable();
    while let Some(tree) = trees.next() {
        let line = tree.span().start().line;
        let mut put = |text: String, line| tokens.push(Token { text, line });
        match tree {
            TokenTree::Literal(_) => {}
            TokenTree::Ident(word) => put(word.to_string(), line),
            // A lifetime is a quote and a word.
            TokenTree::Punct(punct) if punct.as_char() == '\'' => drop(trees.next()),
            TokenTree::Punct(punct) => {
                let is_colon =
                    |next: &TokenTree| matches!(next, TokenTree::Punct(p) if p.as_char() == ':');
                let joint = punct.as_char() == ':' && punct.spacing() == Spacing::Joint;
                let path = joint && trees.next_if(is_colon).is_some();
                put(
                    if path {
                        "::".to_owned()
                    } else {
                        punct.to_string()
                    },
                    line,
                );
            }
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                put(open.to_owned(), line);
                flatten(group.stream(), tokens);
                let end = group.span_close().start().line;
                let text = close.to_owned();
                tokens.push(Token { text, line: end });
            }
        }
    }
}

/// `tokens` without the items that are compiled for tests only.
pub(crate) fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match attribute_end(tokens, at) {
            Some(end) if is_test_attribute(&tokens[at..end]) => at = item_end(tokens, end),
            Some(end) => {
                kept.extend_from_slice(&tokens[at..end]);
                at = end;
            }
            None => {
                kept.push(tokens[at].clone());
                at += 1;
            }
        }
    }
    kept
}

fn is(tokens: &[Token], at: usize, text: &str) -> bool {
    tokens.get(at).is_some_and(|token| token.text == text)
}

/// Where the outer attribute that begins at `at` ends.
fn attribute_end(tokens: &[Token], at: usize) -> Option<usize> {
    (is(tokens, at, "#") && is(tokens, at + 1, "[")).then(|| balanced_end(tokens, at + 1))
}

/// `#[test]`, `#[cfg(test)]`, `#[cfg(all(test, …))]`, but not `#[cfg(not(test))]`.
fn is_test_attribute(attribute: &[Token]) -> bool {
    let has = |text: &str| attribute.iter().any(|token| token.text == text);
    is(attribute, 2, "test") || (is(attribute, 2, "cfg") && has("test") && !has("not"))
}

/// The end of the item at `at`: its semicolon, or its last brace.
fn item_end(tokens: &[Token], mut at: usize) -> usize {
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            ";" => return at + 1,
            "{" => return balanced_end(tokens, at),
            "(" | "[" => at = balanced_end(tokens, at),
            _ => at += 1,
        }
    }
    at
}

/// Behind the bracket that closes the one at `at`.
fn balanced_end(tokens: &[Token], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
        if depth == 0 {
            break;
        }
    }
    at
}

/// All paths that `tokens` name, those of `use` trees in full.
pub(crate) fn paths(tokens: &[Token]) -> Vec<NamedPath> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let statement = at == 0 || !is(tokens, at - 1, "::");
        if statement && tokens[at].text == "use" {
            let (first, after) = (found.len(), at + 1);
            // `pub use` and `pub(crate) use`
            let on = at > 0 && (is(tokens, at - 1, "pub") || is(tokens, at - 1, ")"));
            at = use_tree(tokens, after, &[], &mut found);
            found[first..]
                .iter_mut()
                .for_each(|path| path.passed_on = on);
        } else if is_name(&tokens[at]) && is(tokens, at + 1, "::") {
            at = plain_path(tokens, at, &mut found);
        } else {
            at += 1;
        }
    }
    found
}

fn is_name(token: &Token) -> bool {
    token
        .text
        .starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn plain_path(tokens: &[Token], mut at: usize, found: &mut Vec<NamedPath>) -> usize {
    let line = tokens[at].line;
    let mut segments = vec![tokens[at].text.clone()];
    while is(tokens, at + 1, "::") && tokens.get(at + 2).is_some_and(is_name) {
        at += 2;
        segments.push(tokens[at].text.clone());
    }
    found.push(NamedPath {
        segments,
        brought: None,
        passed_on: false,
        line,
    });
    at + 1
}

/// Reads one branch of a `use` tree from `at`; returns the place of the comma, brace or semicolon
/// behind it.
fn use_tree(
    tokens: &[Token],
    mut at: usize,
    prefix: &[String],
    found: &mut Vec<NamedPath>,
) -> usize {
    let mut segments = prefix.to_vec();
    let line = tokens.get(at).map_or(0, |token| token.line);
    let mut renamed = None;
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "," | "}" | ";" => break,
            "{" => {
                at += 1;
                while at < tokens.len() && !is(tokens, at, "}") {
                    at = use_tree(tokens, at, &segments, found);
                    at += usize::from(is(tokens, at, ","));
                }
                return at + 1;
            }
            "as" => {
                renamed = tokens.get(at + 1).map(|token| token.text.clone());
                at += 2;
            }
            "::" => at += 1,
            _ => {
                segments.push(token.text.clone());
                at += 1;
            }
        }
    }
    if segments.len() > prefix.len() {
        if segments.last().is_some_and(|last| last == "self") {
            segments.pop(); // `a::{self, b}` brings `a`
        }
        let brought = renamed.or_else(|| segments.last().cloned());
        found.push(NamedPath {
            segments,
            brought,
            passed_on: false,
            line,
        });
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(source: &str) -> Vec<String> {
        let tokens = without_tests(&tokens(source));
        paths(&tokens)
            .into_iter()
            .map(|path| path.segments.join("::"))
            .collect()
    }

    #[test]
    fn use_trees_are_told_in_full() {
        assert_eq!(
            named("use a::{b::{c, d as e}, f::*, g}; pub(crate) use h; use ::i::j;"),
            ["a::b::c", "a::b::d", "a::f::*", "a::g", "h", "i::j"]
        );
        assert_eq!(
            named("use crate::{http::Router, node};"),
            ["crate::http::Router", "crate::node"]
        );
    }

    #[test]
    fn paths_in_code_are_found() {
        assert_eq!(
            named("fn f(x: hyper::Body) -> u8 { raft::step::<T>(x) }"),
            ["hyper::Body", "raft::step"]
        );
        assert_eq!(named("let x = Vec::<u8>::new();"), ["Vec"]);
    }

    #[test]
    fn comments_strings_and_characters_do_not_count() {
        let source = r##"
            // a::b
            /* c::d /* e::f */ g::h */
            let s = "i::j \" k::l"; let r = r#"m::n " o::p"#; let b = b"q::r"; let c = '"'; let d = '\'';
            fn life<'a>(x: &'a str) { kept::here(); }
        "##;
        assert_eq!(named(source), ["kept::here"]);
    }

    #[test]
    fn code_for_tests_does_not_count() {
        let source = "
            use kept::one;
            #[cfg(test)] mod tests { use hidden::two; fn f() { hidden::three(); } }
            #[cfg(test)] mod tests;
            #[cfg(not(test))] use kept::four;
            #[test] fn g() { hidden::five(); }
            #[cfg(test)] #[allow(x)] fn h(a: [u8; 3]) -> u8 { hidden::six() }
            fn i() { kept::seven(); }
        ";
        assert_eq!(named(source), ["kept::one", "kept::four", "kept::seven"]);
    }

    #[test]
    fn what_a_use_brings_has_the_name_it_is_given() {
        let found = paths(&tokens("use a::{self, b as c, d::*}; e::f();"));
        let brought: Vec<_> = found.iter().map(|path| path.brought.as_deref()).collect();
        assert_eq!(brought, [Some("a"), Some("c"), Some("*"), None]);
    }

    #[test]
    fn lines_are_counted_through_what_is_skipped() {
        let found = paths(&tokens("/* \n */\n\"\n\"\nuse a::b;\n"));
        assert_eq!(found[0].line, 5);
        assert!(found[0].starts_with("a") && found[0].starts_with("a::b"));
        assert!(!found[0].starts_with("a::c") && !found[0].starts_with("a::b::c"));
    }
}
