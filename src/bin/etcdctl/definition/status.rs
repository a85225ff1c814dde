//! What the exit status of the program tells a script (etcdctl reference 7).

/// Each status and when it is given.
pub(crate) const EXIT_STATUS: [(u8, &str); 8] = [
    (
        0,
        "Done. Also when Ctrl-C ends a watch or cluster-health --forever.",
    ),
    (
        1,
        "The command line cannot be run, an address, certificate or file cannot be used, or a member, user, role or auth \
         command failed.",
    ),
    (
        2,
        "No server could be reached when asking the cluster for its members.",
    ),
    (3, "There is no such command or help topic."),
    (
        4,
        "The servers refused the command on a key, or did not answer it.",
    ),
    (5, "cluster-health found the cluster not fully healthy."),
    (130, "Ctrl-C ended a command that is not a watch."),
    (141, "The reader of the output went away before its end."),
];
