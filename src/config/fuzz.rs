//! Configuration under mutated bytes: files of every format, the environment and the command line. What
//! cannot be read ends the start with a sentence, whatever it is.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use fuzz::Campaign;

use super::{Host, Loaded, load};

/// A machine that holds one file, under every name.
struct OneFile<'a>(&'a [u8]);

impl Host for OneFile<'_> {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match path.starts_with("/given") {
            true => Ok(self.0.to_vec()),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn hostname(&self) -> String {
        "box1".to_owned()
    }

    fn system_file(&self) -> PathBuf {
        PathBuf::from("/etc/etcd/etcd.conf")
    }

    fn holds_member(&self, _: &Path) -> bool {
        false
    }

    fn is_vacant(&self, _: &Path) -> bool {
        true
    }
}

/// Whether a start with these arguments and this file would run.
fn runs(args: &[&str], file: &[u8]) -> bool {
    let args = args.iter().map(OsString::from);
    match load(args, [], &OneFile(file)) {
        Ok(loaded) => matches!(loaded, Loaded::Run(_)),
        Err(exit) => {
            assert!(!exit.stderr.trim().is_empty(), "a refusal says why");
            false
        }
    }
}

/// Parsers hold what they read several times over, and an error repeats a part of it.
const BASE: u64 = 512 << 10;
const PER_BYTE: u64 = 512;

#[test]
fn toml_files() {
    let valid = b"# 0.4\nname = \"n1\"\ndata_dir = '/var/lib/etcd'\naddr = \"127.0.0.1:4001\"\ncors = [\"http://a\"]\nsnapshot = true\n\n[peer]\naddr = \"127.0.0.1:7001\"\nheartbeat_interval = 50\n";
    Campaign::new("configuration toml")
        .corpus([valid.to_vec(), b"".to_vec()])
        .words(&[
            b"[",
            b"[[",
            b"]",
            b"=",
            b"\"",
            b"\"\"\"",
            b"'''",
            b"\\u0000",
            b"{",
            b"\n",
            b"a.b.c",
            b"1e999",
            b"0x",
            b"nan",
            b"1979-05-27T07:32:00Z",
        ])
        .share(4)
        .memory(BASE, PER_BYTE)
        .run(|bytes| runs(&["-config", "/given/etcd.conf"], bytes));
}

#[test]
fn yaml_and_json_files() {
    let yaml = b"# 3.4\nname: n1\ndata-dir: \"/var/lib/etcd\"\nlisten-client-urls: http://127.0.0.1:2379\nadvertise-client-urls: 'http://127.0.0.1:2379'\nsnapshot-count: 1000\ncors: |\n  http://a\ndebug: false\n";
    let json =
        br#"{"name": "n1", "data-dir": "/var/lib/etcd", "snapshot-count": 1000, "debug": null}"#;
    Campaign::new("configuration yaml")
        .corpus([yaml.to_vec(), json.to_vec()])
        .words(&[
            b"&a",
            b"*a",
            b"? ",
            b": ",
            b"- ",
            b"---\n",
            b"...\n",
            b"|",
            b">",
            b"!!str ",
            b"%YAML 1.2\n",
            b"[",
            b"{",
            b"\t",
            b"<<: ",
            b"~",
            b"\\x00",
            b"\n  ",
            b"[[[[[[[[",
        ])
        .share(4)
        .memory(BASE, PER_BYTE)
        .run(|bytes| runs(&["--config-file", "/given/etcd.yml"], bytes));
}

#[test]
fn the_environment_and_the_command_line() {
    Campaign::new("configuration environment")
        .corpus([
            b"ETCD_NAME=n1\nETCD_HEARTBEAT_INTERVAL=50\nETCD_CORS=*".to_vec(),
            b"ETCD_LISTEN_CLIENT_URLS=http://127.0.0.1:1\nETCD_ADVERTISE_CLIENT_URLS=http://127.0.0.1:1".to_vec(),
        ])
        .words(&[b"ETCD_", b"=", b"\n", b"true", b"-1", b"18446744073709551616", b"1h", b",", b"://", b"\xff"])
        .share(4)
        .memory(BASE, PER_BYTE)
        .run(|bytes| {
            let lines = bytes.split(|byte| *byte == b'\n');
            let variables = lines.map(|line| {
                let at = line.iter().position(|byte| *byte == b'=').unwrap_or(line.len());
                let word = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
                (word(&line[..at]), word(line.get(at + 1..).unwrap_or_default()))
            });
            load([], variables, &OneFile(b"")).is_ok()
        });
    Campaign::new("configuration command line")
        .corpus([
            b"--name\nn1\n--listen-client-urls=http://127.0.0.1:2379\n--advertise-client-urls\nhttp://127.0.0.1:2379".to_vec(),
            b"-name\nn1\n-addr\n127.0.0.1:4001\n-peer-addr=127.0.0.1:7001\n-f".to_vec(),
        ])
        .words(&[b"--", b"-", b"=", b"\n", b"true", b"-1", b"1h", b",", b"://", b"\xff", b"0.0.0.0:0", b"[::]"])
        .share(4)
        .memory(BASE, PER_BYTE)
        .run(|bytes| {
            let words = bytes.split(|byte| *byte == b'\n');
            let args = words.map(|word| OsString::from_vec(word.to_vec()));
            load(args, [], &OneFile(b"")).is_ok()
        });
}
