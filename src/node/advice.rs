//! What an operator does about one member of several that cannot go on: said in one place, since it is what this release offers.

/// Ends a sentence.
pub(crate) const WITHOUT_A_MEMBER: &str = "leave this member stopped: the others go on while a majority of the list runs. \
     To have all of them again, save what they hold ('curl URL/v2/keys/?recursive=true&sorted=true > FILE') and load it into a new \
     cluster ('etcdctl import --snap FILE')";

/// Two histories are there, and people have to say which is the one.
pub(crate) const SAVE_FIRST: &str = "Save this data directory before anything else. Then stop the other members, bring back \
     the newest directory of each, and start all of them";
