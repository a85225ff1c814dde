//! Just enough of Rust's grammar to ask which paths a file names: comments, strings and test code
//! do not count.

/// A word or a punctuation character, and its line, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// A path as it would be written in full, and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedPath {
    pub(crate) segments: Vec<String>,
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
    let chars: Vec<char> = source.chars().collect();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let end = skip_ignored(&chars, at).unwrap_or_else(|| {
            let end = token_end(&chars, at);
            if !chars[at].is_whitespace() {
                tokens.push(Token {
                    text: chars[at..end].iter().collect(),
                    line,
                });
            }
            end
        });
        line += chars[at..end].iter().filter(|c| **c == '\n').count();
        at = end;
    }
    tokens
}

/// The end of the comment or literal that begins at `at`, if one does.
fn skip_ignored(chars: &[char], at: usize) -> Option<usize> {
    let next = |n: usize| chars.get(at + n).copied();
    match (chars[at], next(1)) {
        ('/', Some('/')) => Some(find(chars, at, |rest| rest[0] == '\n')),
        ('/', Some('*')) => Some(block_comment_end(chars, at)),
        ('"', _) => Some(string_end(chars, at + 1)),
        ('r' | 'b' | 'c', _) if !is_word(chars, at.wrapping_sub(1)) => {
            prefixed_literal_end(chars, at)
        }
        ('\'', Some('\\')) => Some(char_end(chars, at + 1)),
        // 'a' is a character, 'a without the second quote a lifetime.
        ('\'', Some(_)) if next(2) == Some('\'') => Some(at + 3),
        _ => None,
    }
}

fn prefixed_literal_end(chars: &[char], at: usize) -> Option<usize> {
    let letters = chars[at..]
        .iter()
        .take_while(|c| matches!(c, 'r' | 'b' | 'c'))
        .count();
    let raw = chars[at..at + letters].contains(&'r');
    let quote = at + letters;
    match chars.get(quote) {
        Some('"') if !raw => Some(string_end(chars, quote + 1)),
        Some('\'') if chars[at] == 'b' && letters == 1 => Some(char_end(chars, quote + 1)),
        Some('"' | '#') if raw => {
            let hashes = chars[quote..].iter().take_while(|c| **c == '#').count();
            if chars.get(quote + hashes) != Some(&'"') {
                return None; // r#word
            }
            let body = quote + hashes + 1;
            let closes = |rest: &[char]| {
                rest[0] == '"' && rest.iter().skip(1).take_while(|c| **c == '#').count() >= hashes
            };
            Some((find(chars, body, closes) + 1 + hashes).min(chars.len()))
        }
        _ => None,
    }
}

fn find(chars: &[char], from: usize, holds: impl Fn(&[char]) -> bool) -> usize {
    (from..chars.len())
        .find(|at| holds(&chars[*at..]))
        .unwrap_or(chars.len())
}

fn string_end(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn char_end(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() && chars[at] != '\'' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn block_comment_end(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at.min(chars.len())
}

fn is_word(chars: &[char], at: usize) -> bool {
    chars
        .get(at)
        .is_some_and(|c| c.is_alphanumeric() || *c == '_')
}

fn token_end(chars: &[char], at: usize) -> usize {
    let mut end = at + 1;
    if is_word(chars, at) {
        while is_word(chars, end) {
            end += 1;
        }
    } else if chars[at] == ':' && chars.get(end) == Some(&':') {
        end += 1;
    }
    end
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
            at = use_tree(tokens, at + 1, &[], &mut found);
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
    found.push(NamedPath { segments, line });
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
            "as" => at += 2,
            "::" => at += 1,
            _ => {
                segments.push(token.text.clone());
                at += 1;
            }
        }
    }
    if segments.len() > prefix.len() {
        found.push(NamedPath { segments, line });
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
    fn lines_are_counted_through_what_is_skipped() {
        let found = paths(&tokens("/* \n */\n\"\n\"\nuse a::b;\n"));
        assert_eq!(found[0].line, 5);
        assert!(found[0].starts_with("a") && found[0].starts_with("a::b"));
        assert!(!found[0].starts_with("a::c") && !found[0].starts_with("a::b::c"));
    }
}
