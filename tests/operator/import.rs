//! `import` into a living server: every form of file, what arrives of it, and what a damaged file or a dying server leaves.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use super::run::{Ended, Etcdctl, etcdctl, line};
use super::support::fake::{Fake, Step};
use super::support::http::Request;
use super::support::json::Raw;
use super::support::server::{self, Server};

/// A file to import.
struct File {
    _directory: TempDir,
    path: PathBuf,
}

fn file(text: &str) -> File {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let path = directory.path().join("snapshot.json");
    std::fs::write(&path, text).expect("a temporary directory takes files");
    File {
        _directory: directory,
        path,
    }
}

fn import(server: &Server, file: &Path, options: &str) -> Ended {
    command(file, options).at(server.url()).run()
}

fn command(file: &Path, options: &str) -> Etcdctl {
    etcdctl(["import".as_ref(), "--snap".as_ref(), file.as_os_str()])
        .and(options.split_whitespace())
}

/// A good import: what it prints, and the lines about entries in byte order.
fn imported(ended: &Ended, file: &Path, clients: u32, keys: u32) -> Vec<String> {
    let out = format!(
        "starting to import snapshot {} with {clients} clients\nfinished importing {keys} keys\n",
        file.display()
    );
    assert_eq!(
        (ended.stdout.as_str(), ended.code),
        (out.as_str(), Some(0)),
        "{ended:?}"
    );
    let mut lines: Vec<String> = ended.stderr.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The whole visible tree, directories with a slash, with values.
fn tree(server: &Server, below: &str) -> Vec<String> {
    let listing = line("ls -r -p").and([below]).at(server.url()).output();
    listing
        .lines()
        .map(|key| {
            if key.ends_with('/') {
                return key.to_owned();
            }
            let value = line("get").and([key]).at(server.url()).output();
            format!("{key}={}", value.trim_end_matches('\n'))
        })
        .collect()
}

fn index(server: &Server) -> u64 {
    let answer = server.exchange(&Request::get("/v2/keys/"));
    answer.etcd_index().expect("every answer has an index")
}

/// Seconds to live of a node, 0 without a TTL.
fn ttl(server: &Server, key: &str) -> u64 {
    let answer = server.exchange(&Request::get(&format!("/v2/keys{key}")));
    let body = Raw::parse(answer.body.trim_ascii_end())
        .unwrap_or_else(|error| panic!("{error}: {}", answer.dump()));
    body.at(&["node", "ttl"]).and_then(Raw::number).unwrap_or(0)
}

/// The store of a 0.4 server: files, directories with something, with nothing and with a TTL, hidden ones.
fn image(expires: &str) -> String {
    const NEVER: &str = "0001-01-01T00:00:00Z";
    let node = |path: &str, time: &str, value: &str, children: &str| {
        format!(
            "{{\"Path\":\"{path}\",\"CreatedIndex\":2,\"ModifiedIndex\":3,\"ExpireTime\":\"{time}\",\"ACL\":\"\",\
             \"Value\":\"{value}\",\"Children\":{children}}}"
        )
    };
    let file = |path: &str, value: &str| node(path, NEVER, value, "null");
    let root = node(
        "/",
        NEVER,
        "",
        &format!(
            "{{\"file\":{},\"blank\":{},\"full\":{},\"empty\":{},\"leased\":{},\"_coreos.com\":{},\"_etcd\":{}}}",
            file("/file", "one\\ntwo <&> \u{e9}"),
            file("/blank", ""),
            node(
                "/full",
                NEVER,
                "",
                &format!(
                    "{{\"below\":{},\"_secret\":{}}}",
                    file("/full/below", "b"),
                    file("/full/_secret", "s")
                )
            ),
            node("/empty", NEVER, "", "{}"),
            node(
                "/leased",
                expires,
                "",
                &format!("{{\"job\":{}}}", file("/leased/job", "j"))
            ),
            node(
                "/_coreos.com",
                NEVER,
                "",
                &format!(
                    "{{\"updateengine\":{}}}",
                    file("/_coreos.com/updateengine", "u")
                )
            ),
            node(
                "/_etcd",
                NEVER,
                "",
                &format!("{{\"config\":{}}}", file("/_etcd/config", "old"))
            ),
        ),
    );
    format!(
        "{{\"Root\":{root},\"WatcherHub\":{{\"EventHistory\":null}},\"CurrentIndex\":9,\"Stats\":{{}},\"CurrentVersion\":2}}"
    )
}

fn in_seconds(seconds: i64) -> String {
    (Timestamp::now() + SignedDuration::from_secs(seconds)).to_string()
}

const ARRIVED: [&str; 7] = [
    "/blank=",
    "/empty/",
    "/file=one\ntwo <&> \u{e9}",
    "/full/",
    "/full/below=b",
    "/leased/",
    "/leased/job=j",
];

#[test]
fn a_store_of_0_4_arrives_with_directories_and_leases() {
    let server = server::ours().start();
    let file = file(&image(&in_seconds(5000)));
    let lines = imported(&import(&server, &file.path, ""), &file.path, 10, 4);
    assert_eq!(
        lines,
        [
            "copying key: /blank",
            "copying key: /file",
            "copying key: /full/below",
            "copying key: /leased/job",
            "entering dir: /empty",
            "entering dir: /full",
            "entering dir: /leased",
        ]
    );
    assert_eq!(tree(&server, "/"), ARRIVED);
    let left = ttl(&server, "/leased");
    assert!((4000..=5000).contains(&left), "{left}");
    assert_eq!((ttl(&server, "/leased/job"), ttl(&server, "/file")), (0, 0));
    assert_eq!(line("ls /_coreos.com").at(server.url()).run().code, Some(4));
    // Once more, with other numbers of writers: the same store.
    for clients in [1, 50] {
        let ended = import(&server, &file.path, &format!("-c {clients}"));
        imported(&ended, &file.path, clients, 4);
        assert_eq!(tree(&server, "/"), ARRIVED);
        assert!((4000..=5000).contains(&ttl(&server, "/leased")));
    }
    // What is hidden comes along when it is named, and only that.
    let named = import(
        &server,
        &file.path,
        "--hidden /_coreos.com --hidden /full/_secret --hidden /_etcd",
    );
    imported(&named, &file.path, 10, 6);
    assert_eq!(
        tree(&server, "/_coreos.com"),
        ["/_coreos.com/updateengine=u"]
    );
    assert_eq!(line("get /full/_secret").at(server.url()).output(), "s\n");
    // The server's own records describe this cluster, whatever the file says.
    assert_ne!(line("ls -r /_etcd").at(server.url()).output(), "");
    assert_ne!(
        line("get /_etcd/config").at(server.url()).run().stdout,
        "old\n"
    );
}

#[test]
fn time_that_is_short_or_over_becomes_five_minutes() {
    let server = server::ours().start();
    let node = |key: &str, expires: &str| {
        format!("{{\"key\":\"{key}\",\"value\":\"v\",\"expiration\":\"{expires}\",\"ttl\":1}}")
    };
    let file = file(&format!(
        "{{\"action\":\"get\",\"node\":{{\"dir\":true,\"nodes\":[{},{},{},{{\"key\":\"/dir\",\"dir\":true,\
         \"expiration\":\"{}\",\"ttl\":9}}]}}}}",
        node("/long", &in_seconds(900)),
        node("/short", &in_seconds(20)),
        node("/over", "2014-05-06T07:08:09.123456789+02:00"),
        in_seconds(10),
    ));
    let lines = imported(&import(&server, &file.path, ""), &file.path, 10, 3);
    assert_eq!(
        lines[3..],
        [
            "entering dir: /dir",
            "extending key /dir's ttl to 300 seconds",
            "extending key /over's ttl to 300 seconds",
            "extending key /short's ttl to 300 seconds",
        ]
    );
    for (key, longest) in [
        ("/long", 900),
        ("/short", 300),
        ("/over", 300),
        ("/dir", 300),
    ] {
        let left = ttl(&server, key);
        assert!((longest - 100..=longest).contains(&left), "{key}: {left}");
    }
}

/// A listing saved by `curl` comes back as it was, in another server.
#[test]
fn a_saved_listing_is_taken_back() {
    let (from, to) = (server::ours().start(), server::ours().start());
    for words in [
        "set /a/b 1",
        "mkdir /a/empty",
        "set /a/c/d 2",
        "set /k 3 --ttl 4000",
    ] {
        line(words).at(from.url()).output();
    }
    etcdctl(["set", "/odd key?#%", "\"quoted\"\\\n\u{1f600}"])
        .at(from.url())
        .output();
    let listing = from.exchange(&Request::get("/v2/keys/?recursive=true"));
    let file = file(&listing.text());
    imported(&import(&to, &file.path, "-c 2"), &file.path, 2, 4);
    assert_eq!(tree(&to, "/"), tree(&from, "/"));
    assert!((3000..=4000).contains(&ttl(&to, "/k")));
}

#[test]
fn a_flat_list_is_taken() {
    let server = server::ours().start();
    let list = r#"[{"key":"/a/1","value":"x"},{"key":"/a/empty"},{"key":"/_hid/k","value":"h"},{"key":"/b","value":""}]"#;
    let file = file(list);
    imported(
        &import(&server, &file.path, "--hidden /_hid"),
        &file.path,
        10,
        3,
    );
    assert_eq!(tree(&server, "/"), ["/a/", "/a/1=x", "/a/empty/", "/b="]);
    assert_eq!(tree(&server, "/_hid"), ["/_hid/k=h"]);
}

#[test]
fn a_file_that_is_not_whole_writes_nothing() {
    let server = server::ours().start();
    line("set /before v").at(server.url()).output();
    let before = index(&server);
    let good = image(&in_seconds(5000));
    let half = &good[..good.len() / 2];
    let twice = r#"[{"key":"/a","value":"1"},{"key":"/b","value":"1"},{"key":"/a","value":"2"}]"#;
    for (text, reason) in [
        (half, "EOF while parsing"),
        ("", "EOF while parsing"),
        ("\u{0}\u{1}\u{2}", "expected value"),
        (twice, "/a is in it twice"),
        (
            &good.replace("\"Path\":\"/full/below\"", "\"Path\":\"/full/other\""),
            "/full/below: it calls itself \"/full/other\"",
        ),
        (
            &good.replace("\"CurrentVersion\":2", "\"CurrentVersion\":7"),
            "its version is 7, not 2",
        ),
        (
            r#"{"message":"Not Found"}"#,
            "it is neither a store image (Root), nor a listing (node), nor a list of keys",
        ),
        (
            r#"[{"key":"relative","value":""}]"#,
            "\"relative\" is no key",
        ),
    ] {
        let file = file(text);
        let ended = import(&server, &file.path, "");
        assert_eq!(
            ended.stdout,
            format!("cannot read snapshot file {}\n", file.path.display())
        );
        let told = ended.first();
        assert!(
            told.starts_with(&format!("{}: ", file.path.display())),
            "{ended:?}"
        );
        assert!(
            told.contains(reason) && told.ends_with("; nothing has been written"),
            "{ended:?}"
        );
        assert_eq!(ended.code, Some(1), "{ended:?}");
    }
    let missing = import(&server, Path::new("/nope"), "");
    assert_eq!(missing.stdout, "cannot read snapshot file /nope\n");
    assert_eq!(missing.code, Some(1));
    let device = import(&server, Path::new("/dev/zero"), "");
    assert_eq!(
        device.first(),
        "/dev/zero: it is a device, not a saved store; nothing has been written"
    );
    assert_eq!(device.code, Some(1));
    let none = line("import").at(server.url()).run();
    assert_eq!(
        (none.stdout.as_str(), none.code),
        ("no snapshot file provided (use --snap)\n", Some(1))
    );
    assert_eq!(index(&server), before);
    assert_eq!(tree(&server, "/"), ["/before=v"]);
}

/// What a second run would and would not mend: before the error of an import that began to write.
const AGAIN: &str = "running it again writes every key of the file once more:
  it mends what a lost connection, a time-out or a full disk left out;
  it does not mend a key that the cluster refuses: it ends there again;
  it overwrites what others changed in these keys meanwhile, gives TTLs what is left of them then (at least 300 s), and removes nothing
";

/// Keys enough that the server dies in the middle of them.
const KEYS: usize = 300;

#[test]
fn an_import_that_a_crash_ended_is_completed_by_the_next() {
    let list: Vec<String> = (0..KEYS)
        .map(|number| format!("{{\"key\":\"/job/{number:03}\",\"value\":\"{number}\"}}"))
        .collect();
    let file = file(&format!("[{}]", list.join(",")));
    let server = server::ours().start();
    let (url, real) = (server.url(), server.addr());
    let server = Arc::new(Mutex::new(server));
    // The front outlives this test, the server must not.
    let dying = Arc::downgrade(&server);
    let asked = Mutex::new(0);
    let front = Fake::start(move |_| {
        let mut asked = asked.lock().expect("no test panics here");
        *asked += 1;
        match *asked {
            ..=40 => vec![Step::Forward(real)],
            41 => {
                let server = dying.upgrade().expect("the test waits for this");
                server.lock().expect("no test panics here").kill();
                vec![Step::Close]
            }
            _ => vec![Step::Close],
        }
    });
    let ended = command(&file.path, "--no-sync -c 7").at(front.url()).run();
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(!ended.stdout.contains("finished"), "{ended:?}");
    assert!(ended.stderr.contains(AGAIN), "{ended:?}");
    let told = ended
        .stderr
        .lines()
        .find_map(|line| line.strip_prefix("the import is not complete: at least "))
        .and_then(|line| line.strip_suffix(" of 300 keys are written, and stay"))
        .and_then(|count| count.parse::<usize>().ok())
        .unwrap_or_else(|| panic!("{ended:?}"));
    assert!(
        ended
            .stderr
            .contains("Error:  client: etcd cluster is unavailable or misconfigured; error #0: "),
        "{ended:?}"
    );
    let mut server = server.lock().expect("no test panics here");
    server.restart();
    let written = line("ls /job").at(&url).output().lines().count();
    assert!((1..KEYS).contains(&written), "{written}");
    assert!((1..=written).contains(&told), "{told} of {written}");
    imported(
        &command(&file.path, "-c 7").at(&url).run(),
        &file.path,
        7,
        KEYS as u32,
    );
    let listing = line("-o json ls --sort /job").at(&url).output();
    let listing = Raw::parse(listing.trim_end().as_bytes()).expect("the listing is JSON");
    let Some(Raw::Array(nodes)) = listing.at(&["node", "nodes"]) else {
        panic!("{listing}");
    };
    assert_eq!(nodes.len(), KEYS);
    for (number, node) in nodes.iter().enumerate() {
        let text = |name: &str| node.get(name).and_then(Raw::text);
        assert_eq!(text("key"), Some(format!("/job/{number:03}").into_bytes()));
        assert_eq!(text("value"), Some(number.to_string().into_bytes()));
    }
}

/// What the cluster refuses ends the import and the next one, and the error names it.
#[test]
fn a_refused_write_ends_the_import() {
    let server = server::ours().start();
    line("set /taken v").at(server.url()).output();
    let file = file(r#"[{"key":"/taken/below","value":"x"}]"#);
    let first = import(&server, &file.path, "");
    let ended = import(&server, &file.path, "");
    assert_eq!(first.stderr, ended.stderr);
    assert!(
        ended.stderr.contains(&format!(
            "failed to write: /taken/below\nthe import is not complete: at least 0 of 1 keys are written, and stay\n{AGAIN}"
        )),
        "{ended:?}"
    );
    assert!(
        ended
            .stderr
            .contains("Error:  104: Not a directory (/taken) ["),
        "{ended:?}"
    );
    assert_eq!(ended.code, Some(4));
    assert_eq!(tree(&server, "/"), ["/taken=v"]);
}
