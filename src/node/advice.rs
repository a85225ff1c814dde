//! What an operator does about one member of several that cannot go on: said in one place, since it is what this release offers.

/// Ends a sentence.
pub(crate) const WITHOUT_A_MEMBER: &str = "replace it while a majority of the members runs: at one of these 'etcdctl member remove ID', then \
     'etcdctl member add NAME PEER-URL', and start it with an empty data directory and the settings that this prints";

/// What becomes of the directory of one that was removed.
pub(crate) const REMOVED_DIRECTORY: &str = "its data directory is of no use any more, move it away. To have a member here again, add one at \
     one of the others ('etcdctl member add NAME PEER-URL') and start it with an empty data directory";

/// Two histories are there, and people have to say which is the one.
pub(crate) const SAVE_FIRST: &str = "Save this data directory before anything else. Then stop the other members, bring back \
     the newest directory of each, and start all of them";
