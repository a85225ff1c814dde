//! The exit status of every kind of ending (etcdctl reference 7), and the two time limits.

use std::os::unix::process::ExitStatusExt;

use super::run::{etcdctl, line};
use super::support::fake::{Fake, Step, answer, refusing};
use super::support::server;
use super::terminal::{self, Streams, Terminal};

#[test]
fn every_kind_of_ending_has_its_status() {
    let server = server::ours().start();
    let url = server.url();
    let (_held, nobody) = refusing();
    let nobody = nobody.to_string();
    let website = Fake::start(|_| answer(200, "<html>"));
    line("set /dir/k v").at(&url).output();
    let refused = format!("dial tcp {nobody}: connect: connection refused");
    let unavailable = format!(
        "client: etcd cluster is unavailable or misconfigured; error #0: {refused}\n\nerror #0: {refused}\n\n"
    );
    let rows = [
        ("get /dir/k", url.as_str(), 0, None),
        ("help", &nobody, 0, None),
        ("get", &nobody, 1, Some("Error:  key required\n".to_owned())),
        ("mk /k --ttl abc", &nobody, 1, None),
        ("get /k --bogus", &nobody, 1, None),
        ("-o yaml set /k v", &nobody, 1, None),
        (
            "get /dir",
            &url,
            1,
            Some("/dir: is a directory\n".to_owned()),
        ),
        ("get /k", "ftp://h:1", 1, None),
        ("get /k", "http://h:port", 1, None),
        (
            "user add",
            &nobody,
            1,
            Some("Please provide a username\n".to_owned()),
        ),
        (
            "member remove zzz",
            &url,
            1,
            Some("Couldn't find a member in the cluster with an ID of zzz.\n".to_owned()),
        ),
        ("get /k", &nobody, 2, Some(format!("Error:  {unavailable}"))),
        ("member list", &nobody, 2, None),
        ("user list", &nobody, 2, None),
        ("watch /k", &nobody, 2, None),
        (
            "nosuch",
            &url,
            3,
            Some("No help topic for 'nosuch'\n".to_owned()),
        ),
        ("member nosuch", &url, 3, None),
        ("help nosuch", &url, 3, None),
        ("get /nope", &url, 4, None),
        ("mk /dir/k v", &url, 4, None),
        ("rm /dir", &url, 4, None),
        ("set /dir/k v --swap-with-value w", &url, 4, None),
        (
            "--no-sync get /k",
            &nobody,
            4,
            Some(format!("Error:  {unavailable}")),
        ),
        (
            "--no-sync mk /k v",
            &nobody,
            4,
            Some(format!("Error:  {refused}\n")),
        ),
        (
            "--no-sync rm /k",
            &nobody,
            4,
            Some(format!("Error:  {refused}\n")),
        ),
        ("--no-sync watch /k", &nobody, 4, None),
        (
            "--no-sync user list",
            &nobody,
            1,
            Some(format!(
                "client: etcd cluster is unavailable or misconfigured; error #0: {refused}\n\n"
            )),
        ),
        ("--no-sync member list", &nobody, 1, None),
        (
            "get /k",
            &website.url(),
            4,
            Some(format!(
                "Error:  client: response is invalid json. The endpoint is probably not valid etcd cluster endpoint; {} answered 200 OK: <html>\n",
                website.url()
            )),
        ),
        (
            "cluster-health",
            &nobody,
            4,
            Some(format!("Error:  {unavailable}")),
        ),
        ("cluster-health", &url, 0, None),
    ];
    for (words, at, code, said) in rows {
        let ended = line(words).at(at).run();
        assert_eq!(ended.code, Some(code), "{words} at {at}: {ended:?}");
        if let Some(said) = said {
            assert_eq!(ended.stderr, said, "{words} at {at}");
        }
        assert_eq!(
            ended.stderr.is_empty(),
            code == 0,
            "{words} at {at}: {ended:?}"
        );
    }
}

#[test]
fn a_cluster_that_is_not_well_is_status_5() {
    let server = server::ours().start();
    let good = server.url();
    let (_held, nobody) = refusing();
    let sick = Fake::start(|_| answer(200, "{\"health\":\"false\"}"));
    let hangs = Fake::start(|_| vec![Step::Hang]);
    let bad = format!("http://{nobody}");
    let failed = |number: u32, url: &str, reason: &str| {
        format!(
            "failed to check the health of member {number} on {url}: Get \"{url}/health\": {reason}\n"
        )
    };
    let refused = format!("dial tcp {nobody}: connect: connection refused");
    let slow = format!("client: endpoint {} exceeded header timeout", hangs.url());
    let rows = [
        (
            vec![vec![good.clone()], vec![bad.clone()]],
            format!(
                "member 0 is healthy: got healthy result from {good}\n{}member 1 is unreachable: [{bad}] are all unreachable\ncluster is degraded\n",
                failed(1, &bad, &refused)
            ),
        ),
        (
            vec![vec![bad.clone(), good.clone()], vec![sick.url()]],
            format!(
                "{}member 0 is healthy: got healthy result from {good}\nmember 1 is unhealthy: got unhealthy result from {}\ncluster is degraded\n",
                failed(0, &bad, &refused),
                sick.url()
            ),
        ),
        (
            vec![vec![hangs.url()]],
            format!(
                "{}member 0 is unreachable: [{}] are all unreachable\ncluster is unavailable\n",
                failed(0, &hangs.url(), &slow),
                hangs.url()
            ),
        ),
        (
            vec![vec![]],
            "member 0 is unreachable: no available published client urls\ncluster is unavailable\n"
                .to_owned(),
        ),
    ];
    for (members, out) in rows {
        let members: Vec<String> = members
            .iter()
            .enumerate()
            .map(|(id, urls)| format!("{{\"id\":\"{id}\",\"name\":\"m\",\"clientURLs\":{urls:?}}}"))
            .collect();
        let list = format!("{{\"members\":[{}]}}", members.join(","));
        let front = Fake::start(move |_| answer(200, &list));
        let ended = line("--timeout 300ms cluster-health").at(front.url()).run();
        assert_eq!(
            (ended.stdout.as_str(), ended.code),
            (out.as_str(), Some(5)),
            "{ended:?}"
        );
    }
}

#[test]
fn ctrl_c_is_a_good_end_for_what_waits() {
    if !terminal::is_there() {
        return;
    }
    let server = server::ours().start();
    for (words, waiting) in [
        ("--debug watch /k", "wait=true"),
        ("--debug watch -r -f /k", "wait=true"),
        ("--debug exec-watch /k -- echo hi", "wait=true"),
        ("cluster-health --forever", "next check after 10 second..."),
    ] {
        let mut terminal = Terminal::start(&line(words).at(server.url()), Streams::All);
        terminal.wait_for(waiting);
        terminal.press("\x03");
        let left = terminal.end();
        assert_eq!(left.status.code(), Some(0), "{words}: {left:?}");
        assert!(
            left.screen.ends_with("^C") || left.screen.ends_with("\n^C\n"),
            "{words}: {left:?}"
        );
    }
    // Nothing else catches it: there is nothing to tidy up.
    let hangs = Fake::start(|_| vec![Step::Hang]);
    let get = line("--debug --timeout 0 --total-timeout 0 get /k").at(hangs.url());
    let mut terminal = Terminal::start(&get, Streams::All);
    terminal.wait_for("/v2/members\n");
    terminal.press("\x03");
    assert_eq!(terminal.end().status.signal(), Some(2));
}

#[test]
fn time_limits_end_what_hangs() {
    let server = server::ours().start();
    line("set /k v").at(server.url()).output();
    let hangs = Fake::start(|_| vec![Step::Hang]);
    let at = hangs.url();
    let slow = format!("client: endpoint {at} exceeded header timeout");
    let unavailable =
        format!("client: etcd cluster is unavailable or misconfigured; error #0: {slow}\n\n");
    let listed = format!("Error:  {unavailable}error #0: {slow}\n\n");
    let late = "Error:  context deadline exceeded\n".to_owned();
    // Starts before all others and has more time than all of them together.
    let mut patient = line("--timeout 20s get /k --total-timeout 40s")
        .at(&at)
        .start();
    for (words, code, said) in [
        // The limit of a try: the synchronisation lets it pass, the command fails by it.
        ("--timeout 100ms get /k", 4, listed.clone()),
        (
            "--timeout 100ms --total-timeout 0 set /k v",
            4,
            listed.clone(),
        ),
        ("--timeout 100ms mk /k v", 4, format!("Error:  {slow}\n")),
        ("--timeout 100ms user list", 1, unavailable.clone()),
        ("--timeout 100ms cluster-health", 4, listed.clone()),
        // The limit of the whole: already the synchronisation passes it.
        ("--timeout 0 --total-timeout 100ms get /k", 2, late.clone()),
        ("--total-timeout 100ms get /k", 2, late.clone()),
        (
            "--timeout 0 --total-timeout 100ms user list",
            2,
            late.clone(),
        ),
        (
            "--timeout 0 --total-timeout 100ms watch /k",
            2,
            late.clone(),
        ),
        ("--no-sync --total-timeout 100ms get /k", 4, late.clone()),
        ("--no-sync --total-timeout 100ms mk /k v", 4, late),
        (
            "--no-sync --total-timeout 100ms user list",
            1,
            "context deadline exceeded\n".to_owned(),
        ),
    ] {
        let ended = line(words).at(&at).run();
        assert_eq!(
            (ended.stderr.as_str(), ended.code),
            (said.as_str(), Some(code)),
            "{words}"
        );
    }
    assert!(
        patient.runs(),
        "the limits that were given are not those that counted"
    );
    drop(patient);
    // Another endpoint answers when the first has had its time.
    let both = format!("{at},{}", server.url());
    assert_eq!(line("--timeout 200ms get /k").at(&both).output(), "v\n");
    assert_eq!(
        line("--no-sync --timeout 200ms get /k").at(&both).output(),
        "v\n"
    );
    // No limit is no limit, and a limit does not end a watch.
    assert_eq!(
        line("--timeout 0 --total-timeout 0 get /k")
            .at(server.url())
            .output(),
        "v\n"
    );
    if !terminal::is_there() {
        return;
    }
    let watch = line("--debug --timeout 100ms --total-timeout 100ms watch /w").at(server.url());
    let mut terminal = Terminal::start(&watch, Streams::All);
    terminal.wait_for("wait=true");
    // Both limits pass while another command waits for them.
    line("--no-sync --timeout 0 --total-timeout 300ms get /k")
        .at(&at)
        .run();
    etcdctl(["set", "/w", "seen"]).at(server.url()).output();
    let left = terminal.end();
    assert!(
        left.status.success() && left.screen.ends_with("seen\n"),
        "{left:?}"
    );
}
