//! Reads `ETCD_*` variables: an empty value is unset, an unknown name is a notice, a bad value stops the start.

use std::ffi::OsString;

use super::catalogue::{self, Flag};
use super::error::ConfigError;
use super::settings::{Origin, Settings};
use super::value::{Value, ValueKind};
use crate::go;

const PREFIX: &str = "ETCD_";
/// On some machines the original starts only with this, so unit files there have it; this program runs wherever it builds.
const UNSUPPORTED_ARCH: &str = "ETCD_UNSUPPORTED_ARCH";

/// Settings of the environment (cluster-and-config 6.2).
pub(super) fn read(
    env: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Settings, ConfigError> {
    let mut variables: Vec<Variable> = env
        .into_iter()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, value)| name.starts_with(PREFIX) && !value.is_empty())
        .filter(|(name, _)| name != UNSUPPORTED_ARCH)
        .map(|(name, value)| Variable {
            option: catalogue::by_environment(&name),
            name,
            value,
        })
        .collect();
    // The order of an environment is arbitrary; notices and the first error should not be. Preferred names come first.
    variables.sort_by(|a, b| (a.rank(), &a.name).cmp(&(b.rank(), &b.name)));
    let mut settings = Settings::default();
    for variable in variables {
        set(&mut settings, variable)?;
    }
    Ok(settings)
}

struct Variable {
    name: String,
    value: OsString,
    /// The option it sets, and the rank of this name among the option's names.
    option: Option<(&'static Flag, usize)>,
}

impl Variable {
    fn rank(&self) -> usize {
        self.option.map_or(0, |(_, rank)| rank)
    }
}

fn set(
    settings: &mut Settings,
    Variable {
        name,
        value,
        option,
    }: Variable,
) -> Result<(), ConfigError> {
    let Some((flag, _)) = option else {
        settings.notice(format!(
            "unrecognized environment variable {name} is ignored"
        ));
        return Ok(());
    };
    // An option may have two names: ETCD_SNAPSHOTCOUNT was the code's, ETCD_SNAPSHOT_COUNT the documents'.
    if settings.given(flag).is_some() {
        settings.notice(format!(
            "environment variable {name} is ignored: the same option is set under its other name"
        ));
        return Ok(());
    }
    let Ok(text) = value.into_string() else {
        return Err(ConfigError::Environment {
            name,
            reason: "the value is not valid UTF-8".to_owned(),
        });
    };
    let value = match flag.kind {
        ValueKind::Bool => lenient_bool(settings, &name, &text),
        kind => kind
            .parse(&text)
            .map_err(|reason| ConfigError::Environment {
                name: name.clone(),
                reason: format!("invalid value {text:?}: {reason}"),
            })?,
    };
    settings.set(flag, value, Origin::Environment(name));
    Ok(())
}

/// 0.4 took everything but `0` and `false` for true; a text outside Go's is taken so, with a notice.
fn lenient_bool(settings: &mut Settings, name: &str, text: &str) -> Value {
    Value::Bool(go::boolean(text.as_bytes()).unwrap_or_else(|| {
        settings.notice(format!(
            "environment variable {name}={text} is read as true (to switch off: {name}=false)"
        ));
        true
    }))
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::{NAME, PEERS, SNAPSHOT, SNAPSHOT_COUNT};
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        read(
            pairs
                .iter()
                .map(|(name, value)| (OsString::from(name), OsString::from(value))),
        )
    }

    #[test]
    fn empty_is_unset_and_foreign_names_are_passed_over() {
        let settings = env(&[("ETCD_NAME", ""), ("PATH", "/bin"), ("ETCDCTL_PEERS", "x")]).unwrap();
        assert!(settings.given(&NAME).is_none());
        assert!(settings.into_notices().is_empty());
    }

    #[test]
    fn unknown_names_are_noticed_without_their_value() {
        let settings = env(&[("ETCD_PASSWORD", "s3cret")]).unwrap();
        assert_eq!(
            settings.into_notices(),
            ["unrecognized environment variable ETCD_PASSWORD is ignored"]
        );
    }

    #[test]
    fn the_variable_of_unsupported_machines_is_known() {
        let settings = env(&[("ETCD_UNSUPPORTED_ARCH", "arm64")]).unwrap();
        assert!(settings.into_notices().is_empty());
    }

    #[test]
    fn booleans_follow_the_old_rule_with_a_notice() {
        for (text, value, notices) in [
            ("0", false, 0),
            ("false", false, 0),
            ("1", true, 0),
            ("yes", true, 1),
        ] {
            let settings = env(&[("ETCD_SNAPSHOT", text)]).unwrap();
            assert_eq!(settings.bool(&SNAPSHOT), value, "{text}");
            assert_eq!(settings.into_notices().len(), notices, "{text}");
        }
    }

    #[test]
    fn lists_split_at_commas() {
        let settings = env(&[("ETCD_PEERS", "a:1, b:2 ,")]).unwrap();
        assert_eq!(settings.list(&PEERS), ["a:1", "b:2"]);
    }

    #[test]
    fn both_names_of_the_snapshot_count_work_and_the_documented_one_wins() {
        assert_eq!(
            env(&[("ETCD_SNAPSHOTCOUNT", "7")])
                .unwrap()
                .count(&SNAPSHOT_COUNT),
            7
        );
        assert_eq!(
            env(&[("ETCD_SNAPSHOT_COUNT", "8")])
                .unwrap()
                .count(&SNAPSHOT_COUNT),
            8
        );
        let both = env(&[("ETCD_SNAPSHOTCOUNT", "7"), ("ETCD_SNAPSHOT_COUNT", "8")]).unwrap();
        assert_eq!(both.count(&SNAPSHOT_COUNT), 8);
        assert_eq!(both.into_notices().len(), 1);
    }

    #[test]
    fn a_bad_number_names_the_variable() {
        let error = env(&[("ETCD_SNAPSHOT_COUNT", "many")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Parse error: ETCD_SNAPSHOT_COUNT: invalid value \"many\": parse error"
        );
        assert_eq!(error.exit_code(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_no_text_are_refused_not_panicked_on() {
        use std::os::unix::ffi::OsStringExt;
        let error = read([("ETCD_NAME".into(), OsString::from_vec(vec![0xff, 0xfe]))]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Parse error: ETCD_NAME: the value is not valid UTF-8"
        );
    }
}
