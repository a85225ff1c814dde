//! What becomes of options without effect and of options of later releases: a notice, or the end of the start.

use super::super::catalogue::Standing;
use super::super::error::ConfigError;
use super::super::settings::{Origin, Setting, Settings};

/// Refuses options of later releases and notes those without effect.
pub(super) fn check(settings: &mut Settings) -> Result<(), ConfigError> {
    let mut notices = Vec::new();
    for (flag, setting) in settings.given_all() {
        match flag.standing {
            Standing::Later { sentence, neutral } if asks_for_something(setting, neutral) => {
                return Err(refusal(setting, sentence));
            }
            Standing::Ignored { why, silent }
                if !silent.contains(&setting.value.to_string().as_str()) =>
            {
                let what = match &setting.origin {
                    // A line number alone makes whoever reads the log open the file. Secrets stay there.
                    Origin::File(..) => {
                        let value = setting.value.to_string();
                        let shown = if is_secret(flag.name, &value) {
                            String::new()
                        } else {
                            format!(": {value}")
                        };
                        format!("{}: {}{shown}", setting.origin, flag.name)
                    }
                    origin => origin.to_string(),
                };
                notices.push(format!("{what} is ignored: {why}"));
            }
            _ => {}
        }
    }
    notices
        .into_iter()
        .for_each(|notice| settings.notice(notice));
    Ok(())
}

/// Whether a value may be, or hold, what not everybody who reads the log may know: an address may name a user and a password.
fn is_secret(name: &str, value: &str) -> bool {
    let names = ["password", "token", "user", "key", "json"];
    names.iter().any(|part| name.contains(part)) || value.contains('@')
}

/// The first option about founding that a later release is needed for.
pub(super) fn founding(settings: &Settings) -> Option<ConfigError> {
    settings
        .given_all()
        .find_map(|(flag, setting)| match flag.standing {
            Standing::LaterFounding { sentence, neutral }
                if asks_for_something(setting, neutral) =>
            {
                Some(refusal(setting, sentence))
            }
            _ => None,
        })
}

fn asks_for_something(setting: &Setting, neutral: &[&str]) -> bool {
    let value = setting.value.to_string();
    !value.is_empty() && !neutral.contains(&value.as_str())
}

fn refusal(setting: &Setting, sentence: &str) -> ConfigError {
    ConfigError::Unavailable {
        origin: setting.origin.clone(),
        sentence: sentence.to_owned(),
    }
}
