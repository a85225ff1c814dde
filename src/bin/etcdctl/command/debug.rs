//! `--debug`: every request as a line for curl (etcdctl reference 6.5).

use etcd2::client::{Method, Observer, Payload};

use crate::output::complain;

/// Prints requests on standard error.
pub(super) struct Curl;

impl Observer for Curl {
    fn request(&self, method: &Method, url: &str, payload: &Payload) {
        let mut line = format!("cURL Command: curl -X {method} {url}");
        // A DELETE has the type of a form and nothing in it.
        if *payload != Payload::None && *method != Method::DELETE {
            line.push_str(" -d ");
            quote(&mut line, &masked(payload));
        }
        line.push('\n');
        complain(&line);
    }
}

/// The body; a password in it is nobody's business (the original showed it).
fn masked(payload: &Payload) -> String {
    let bytes = payload.bytes();
    if let Payload::Json(_) = payload
        && let Ok(mut body) = serde_json::from_slice::<serde_json::Value>(&bytes)
        && let Some(password) = body.get_mut("password")
        && password
            .as_str()
            .is_some_and(|password| !password.is_empty())
    {
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        let field = format!("\"password\":{password}");
        let masked = shown.replacen(&field, "\"password\":\"********\"", 1);
        // Better no body than a password in a spelling that is not ours.
        return if masked == shown {
            "********".to_owned()
        } else {
            masked
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// In double quotes, with backslashes before quotes and in the place of what a terminal would act on. `$` and backquotes
/// stay, as in the original: the line is to be read, and pasted only with care.
fn quote(line: &mut String, text: &str) {
    line.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => line.extend(['\\', character]),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            _ if character.is_control() => line.extend(character.escape_unicode()),
            _ => line.push(character),
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(body: &'static str) -> String {
        masked(&Payload::Json(body.into()))
    }

    #[test]
    fn no_spelling_of_a_password_is_shown() {
        assert_eq!(
            shown(r#"{"user":"a","password":"s\"3","roles":null}"#),
            r#"{"user":"a","password":"********","roles":null}"#
        );
        for other in [r#"{"password": "s3"}"#, r#"{"password":"\u0073\u0033"}"#] {
            assert_eq!(shown(other), "********");
        }
        // No password is nothing to hide.
        for open in [
            r#"{"user":"a","password":""}"#,
            r#"{"user":"a"}"#,
            "[1]",
            "{",
        ] {
            assert_eq!(shown(open), open);
        }
    }
}
