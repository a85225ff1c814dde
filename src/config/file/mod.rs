//! Configuration files: 0.4's TOML and 3.4's YAML (JSON included) become settings that point at file and line.
//!
//! The two parsers only list entries; which option an entry means is decided here, by the catalogue. An unknown key
//! is a notice, as both originals ignored them; a key that is known and cannot be used stops the start.

mod entry;
mod toml;
mod yaml;

use std::io;
use std::path::{Path, PathBuf};

use super::catalogue::{self, Flag};
use super::error::ConfigError;
use super::host::Host;
use super::settings::{Origin, Settings};
use super::value::{Value, ValueKind};
use entry::{FileEntry, FileValue, SyntaxProblem};

/// Unknown keys that are named one by one.
const UNKNOWN_KEYS: usize = 20;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// 0.4's format.
    Toml,
    /// 3.4's format; JSON is a part of it.
    Yaml,
    /// `ETCD_NAME=value` lines for systemd's `EnvironmentFile`, which some packages keep under the system file's name.
    Environment,
}

/// Reads a file that was asked for; `expected` decides where neither name nor content tell the format.
pub(super) fn read_required(
    host: &dyn Host,
    path: &Path,
    expected: Format,
) -> Result<Settings, ConfigError> {
    let text = read_text(host, path)?;
    match format_of(path, &text, expected) {
        Format::Environment => Err(ConfigError::File {
            path: path.to_owned(),
            line: 1,
            problem: "this is a list of environment variables: give it to systemd as EnvironmentFile, or to the shell"
                .to_owned(),
        }),
        format => interpret(path, &text, format),
    }
}

/// Reads the system file; absent is the same as empty.
pub(super) fn read_system(host: &dyn Host) -> Result<Settings, ConfigError> {
    let path = host.system_file();
    let text = match read_text(host, &path) {
        Err(ConfigError::FileUnreadable { source, .. })
            if source.kind() == io::ErrorKind::NotFound =>
        {
            return Ok(Settings::default());
        }
        other => other?,
    };
    match format_of(&path, &text, Format::Toml) {
        Format::Environment => {
            let mut settings = Settings::default();
            settings.notice(format!(
                "{} is a list of environment variables, which the service manager passes on: not read as a file",
                path.display()
            ));
            Ok(settings)
        }
        format => interpret(&path, &text, format),
    }
}

fn read_text(host: &dyn Host, path: &Path) -> Result<String, ConfigError> {
    let bytes = host
        .read(path)
        .map_err(|source| ConfigError::FileUnreadable {
            path: path.to_owned(),
            source,
        })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..good]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        ConfigError::File {
            path: path.to_owned(),
            line,
            problem: format!("not valid UTF-8 at byte {good}"),
        }
    })?;
    // Windows editors put a byte order mark in front; it belongs to neither format.
    Ok(text
        .strip_prefix('\u{feff}')
        .map(str::to_owned)
        .unwrap_or(text))
}

/// Format by extension, else by the first line that says something, else as `expected`.
fn format_of(path: &Path, text: &str, expected: Format) -> Format {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => return Format::Toml,
        Some("yml" | "yaml" | "json") => return Format::Yaml,
        _ => {}
    }
    let mut lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .peekable();
    let Some(first) = lines.peek().copied() else {
        return expected;
    };
    if lines.all(|line| {
        line.strip_prefix("export ")
            .unwrap_or(line)
            .starts_with("ETCD_")
    }) {
        return Format::Environment;
    }
    let until = |mark: char| first.find(mark).unwrap_or(usize::MAX);
    if first.starts_with('[') || until('=') < until(':') {
        Format::Toml
    } else if first.starts_with(['{', '-', '%']) || until(':') < until('=') {
        Format::Yaml
    } else {
        expected
    }
}

fn interpret(path: &Path, text: &str, format: Format) -> Result<Settings, ConfigError> {
    let parsed = if format == Format::Toml {
        toml::entries(text)
    } else {
        yaml::entries(text)
    };
    let mut entries = parsed.map_err(|SyntaxProblem { line, problem }| ConfigError::File {
        path: path.to_owned(),
        line,
        problem,
    })?;
    entries.sort_by_key(|entry| entry.line);
    let mut settings = Settings::default();
    let mut unknown = Vec::new();
    for entry in entries {
        let found = match format {
            Format::Toml => catalogue::by_toml(&entry.section, &entry.key),
            _ => catalogue::by_yaml(&entry.section, &entry.key),
        };
        match found {
            Some(flag) => set(&mut settings, flag, path, entry)?,
            // A map whose lines were all commented out.
            None if empty_map(&entry) => {}
            None => unknown.push(format!(
                // Without its value: nobody knows what it was to hold.
                "{} line {}: unknown key {} is ignored",
                path.display(),
                entry.line,
                full_key(&entry)
            )),
        }
    }
    let more = unknown.len().saturating_sub(UNKNOWN_KEYS);
    unknown.truncate(UNKNOWN_KEYS);
    unknown.into_iter().for_each(|line| settings.notice(line));
    if more > 0 {
        settings.notice(format!(
            "{}: {more} more unknown keys are ignored",
            path.display()
        ));
    }
    Ok(settings)
}

fn empty_map(entry: &FileEntry) -> bool {
    let empty = matches!(entry.value, FileValue::Null);
    empty && entry.section.is_empty() && catalogue::is_yaml_map(&entry.key)
}

fn full_key(entry: &FileEntry) -> String {
    match entry.section.as_str() {
        "" => entry.key.clone(),
        section => format!("{section}.{}", entry.key),
    }
}

fn set(
    settings: &mut Settings,
    flag: &'static Flag,
    path: &Path,
    entry: FileEntry,
) -> Result<(), ConfigError> {
    let key = full_key(&entry);
    let fail = |problem: String| ConfigError::File {
        path: path.to_owned(),
        line: entry.line,
        problem,
    };
    let value = match entry.value {
        FileValue::Null => return Ok(()),
        FileValue::Scalar(text) if text.is_empty() => return Ok(()),
        FileValue::Scalar(text) => flag
            .kind
            .parse(&text)
            .map_err(|reason| fail(format!("invalid value {text:?} for {key}: {reason}")))?,
        FileValue::List(items) if flag.kind == ValueKind::List => Value::List(items),
        FileValue::List(_) => return Err(fail(format!("{key} takes one value, not a list"))),
        FileValue::Nested => return Err(fail(format!("{key} takes a plain value, not a table"))),
    };
    settings.set(flag, value, Origin::File(PathBuf::from(path), entry.line));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_by_extension_then_content_then_expectation() {
        let cases = [
            ("a.yml", "name = 'x'", Format::Toml, Format::Yaml),
            ("a.json", "", Format::Toml, Format::Yaml),
            ("a.toml", "name: x", Format::Yaml, Format::Toml),
            (
                "etcd.conf",
                "# c\n\nname = \"x\"",
                Format::Yaml,
                Format::Toml,
            ),
            (
                "etcd.conf",
                "[peer]\naddr = 'a'",
                Format::Yaml,
                Format::Toml,
            ),
            ("etcd.conf", "name: x", Format::Toml, Format::Yaml),
            (
                "etcd.conf",
                "listen-client-urls: http://a:1/?b=c",
                Format::Toml,
                Format::Yaml,
            ),
            (
                "etcd.conf",
                "addr = \"10.0.0.2:4001\"",
                Format::Yaml,
                Format::Toml,
            ),
            ("etcd.conf", "{\"name\": \"x\"}", Format::Toml, Format::Yaml),
            (
                "etcd.conf",
                "#[Member]\nETCD_NAME=default\nETCD_DATA_DIR=\"/d\"",
                Format::Toml,
                Format::Environment,
            ),
            ("etcd.conf", "", Format::Toml, Format::Toml),
            ("etcd.conf", "name", Format::Yaml, Format::Yaml),
        ];
        for (path, text, expected, format) in cases {
            assert_eq!(
                format_of(Path::new(path), text, expected),
                format,
                "{path} {text:?}"
            );
        }
    }
}
