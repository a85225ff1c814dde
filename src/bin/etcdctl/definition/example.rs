//! Command lines worth showing. Each of them is parsed in a test, so none can teach a mistake.

/// A command line and what it is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Example {
    /// As it would be typed into a shell.
    pub(crate) line: &'static str,
    /// What it does, in a few words.
    pub(crate) purpose: &'static str,
}

/// The examples of a command; the program itself is the empty path.
pub(crate) fn examples(path: &[&str]) -> Vec<Example> {
    let name = path.join(" ");
    let rows = EXAMPLES.iter().filter(|(command, ..)| *command == name);
    rows.map(|(_, line, purpose)| Example { line, purpose })
        .collect()
}

const EXAMPLES: &[(&str, &str, &str)] = &[
    ("", "etcdctl set /message hello", "store a value"),
    ("", "etcdctl get /message", "print it"),
    ("", "etcdctl ls --recursive -p /", "list everything"),
    (
        "",
        "etcdctl watch --recursive --forever /config",
        "print every change below a directory",
    ),
    (
        "",
        "etcdctl --endpoints https://db1:2379,https://db2:2379 --ca-file ca.pem member list",
        "ask a cluster elsewhere",
    ),
    ("ls", "etcdctl ls", "list the root directory"),
    (
        "ls",
        "etcdctl ls --recursive -p /services",
        "everything below a directory, directories marked",
    ),
    (
        "ls",
        "etcdctl ls --tree /services",
        "the same, drawn as a tree",
    ),
    (
        "ls",
        "etcdctl -o json ls -r /",
        "the whole tree with indexes and TTLs, for a program",
    ),
    ("get", "etcdctl get /message", "print a value"),
    (
        "get",
        "etcdctl -o extended get /message",
        "print its indexes and TTL too",
    ),
    (
        "get",
        "etcdctl get --quorum /message",
        "the newest value, also from a server that takes local reads for enough",
    ),
    (
        "mk",
        "etcdctl mk /lock/owner node1",
        "take a lock, if nobody has it",
    ),
    (
        "mk",
        "etcdctl mk --in-order --ttl 60 /queue job-7",
        "append to a queue, for a minute",
    ),
    ("mkdir", "etcdctl mkdir /services/web", "create a directory"),
    (
        "mkdir",
        "etcdctl mkdir --ttl 120 /sessions/42",
        "one that goes away after two minutes",
    ),
    (
        "setdir",
        "etcdctl setdir /services/web",
        "make it a directory, whatever key was there",
    ),
    (
        "updatedir",
        "etcdctl updatedir /sessions/42 --ttl 500",
        "keep a directory for longer",
    ),
    ("set", "etcdctl set /message hello", "store a value"),
    (
        "set",
        "etcdctl set /leader node1 --ttl 10",
        "for ten seconds",
    ),
    (
        "set",
        "etcdctl set --swap-with-value node1 /leader node2",
        "only if nobody changed it meanwhile",
    ),
    (
        "set",
        "etcdctl set /certificate < server.pem",
        "store a file",
    ),
    (
        "set",
        "etcdctl set -- /offset -17",
        "a value that begins with a dash",
    ),
    (
        "update",
        "etcdctl update /message goodbye",
        "change a value, never create one",
    ),
    ("rm", "etcdctl rm /message", "delete a key"),
    (
        "rm",
        "etcdctl rm --recursive /services/web",
        "delete a directory with everything in it",
    ),
    (
        "rm",
        "etcdctl rm --with-value node1 /lock/owner",
        "give a lock back, if it is still ours",
    ),
    (
        "rmdir",
        "etcdctl rmdir /services/web",
        "delete a directory that is empty",
    ),
    (
        "watch",
        "etcdctl watch /message",
        "wait for the next change",
    ),
    (
        "watch",
        "etcdctl watch --forever --recursive /config",
        "print every change below a directory",
    ),
    (
        "watch",
        "etcdctl watch --after-index 1042 /message",
        "miss nothing since an earlier look",
    ),
    (
        "exec-watch",
        "etcdctl exec-watch --recursive /config -- systemctl reload web",
        "reload on every change",
    ),
    (
        "exec-watch",
        "etcdctl exec-watch /message -- sh -c 'echo $ETCD_WATCH_VALUE'",
        "use the new value",
    ),
    (
        "member",
        "etcdctl member list",
        "who is in the cluster, and who leads",
    ),
    (
        "member list",
        "etcdctl member list",
        "who is in the cluster, and who leads",
    ),
    (
        "member add",
        "etcdctl member add node4 http://10.0.0.4:2380",
        "then start node4 with the settings printed",
    ),
    (
        "member remove",
        "etcdctl member remove 8e9e05c52164694d",
        "the ID is the first column of member list",
    ),
    (
        "member update",
        "etcdctl member update 8e9e05c52164694d http://10.0.0.9:2380",
        "a member moved",
    ),
    (
        "member replace",
        "etcdctl member replace 8e9e05c52164694d http://10.0.0.9:2380",
        "a machine died, and another one takes its place",
    ),
    (
        "cluster-health",
        "etcdctl cluster-health",
        "exit status 0 only if every member is well",
    ),
    (
        "cluster-health",
        "etcdctl cluster-health --forever",
        "look again every ten seconds",
    ),
    ("user", "etcdctl user list", "who may come in"),
    (
        "user list",
        "etcdctl -u root user list",
        "asks for root's password",
    ),
    (
        "user add",
        "etcdctl user add alice",
        "asks for the new password",
    ),
    (
        "user get",
        "etcdctl user get alice",
        "which roles alice has",
    ),
    (
        "user remove",
        "etcdctl user remove alice",
        "delete the user",
    ),
    (
        "user passwd",
        "etcdctl user passwd alice",
        "asks for the new password",
    ),
    (
        "user grant",
        "etcdctl user grant --roles reader,deployer alice",
        "give two roles",
    ),
    (
        "user revoke",
        "etcdctl user revoke --roles deployer alice",
        "take one away",
    ),
    ("role", "etcdctl role list", "which roles there are"),
    ("role list", "etcdctl role list", "which roles there are"),
    ("role add", "etcdctl role add deployer", "create a role"),
    ("role get", "etcdctl role get deployer", "what it permits"),
    (
        "role remove",
        "etcdctl role remove deployer",
        "delete the role",
    ),
    (
        "role grant",
        "etcdctl role grant --path '/config/*' --readwrite deployer",
        "everything below a directory",
    ),
    (
        "role revoke",
        "etcdctl role revoke --path '/config/*' --write deployer",
        "leave it reading alone",
    ),
    ("auth", "etcdctl auth enable", "ask for users from now on"),
    (
        "auth enable",
        "etcdctl user add root && etcdctl auth enable",
        "the user root comes first",
    ),
    ("auth disable", "etcdctl -u root auth disable", "as root"),
    (
        "import",
        "etcdctl import --snap old.json",
        "load what an older server held",
    ),
    (
        "import",
        "etcdctl import --snap old.json --hidden /_coreos.com -c 50",
        "with a hidden directory, faster",
    ),
    (
        "completion",
        "etcdctl completion bash > /etc/bash_completion.d/etcdctl",
        "for every user",
    ),
    (
        "completion",
        "etcdctl completion zsh > ~/.zfunc/_etcdctl",
        "for one user of zsh",
    ),
    (
        "completion",
        "etcdctl completion fish > ~/.config/fish/completions/etcdctl.fish",
        "for one user of fish",
    ),
    (
        "man",
        "etcdctl man /usr/local/share/man/man1",
        "install the manual pages",
    ),
    (
        "man",
        "etcdctl man | man -l -",
        "read the first of them now",
    ),
    (
        "help",
        "etcdctl help member add",
        "what a command does, with its options",
    ),
];
