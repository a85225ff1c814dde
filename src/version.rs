//! Which version of the original this server says it is.

use crate::command::AMONG_SEVERAL;

/// The version of the API that clients are told they talk to: the last one that spoke v2.
pub(crate) const SERVER_VERSION: &str = "3.4.23";

/// The version of a cluster whose members all apply commands of this format. Clusters of several begin with the release that
/// applies [`AMONG_SEVERAL`]; a member that says less belongs to none that was ever released, and clients see that it does.
pub(crate) fn of_cluster(format: u8) -> &'static str {
    match format < AMONG_SEVERAL {
        true => "3.3.0",
        false => "3.4.0",
    }
}
