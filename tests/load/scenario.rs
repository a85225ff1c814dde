//! What a scenario says of itself; `run` does the rest.

use super::findings::Findings;
use super::ground::Ground;
use super::memory::{CACHE, MEMTABLES, Part, ROOM};
use super::support::server::{Launch, Server};

pub(crate) trait Scenario {
    /// The name of its file.
    fn name(&self) -> &'static str;

    /// How much of what.
    fn size(&self) -> String;

    /// Whether Debian's server has nothing to compare with.
    fn only_ours(&self) -> bool {
        false
    }

    /// Options that the load needs of our server.
    fn ours(&self, launch: Launch) -> Launch {
        launch
    }

    /// Whether the server starts again with the data, so that what it needed to take them is no part of the measurement.
    fn restarts(&self) -> bool {
        false
    }

    /// Before anything is measured: the data.
    fn prepare(&self, _ground: &Ground<'_>) -> Result<(), String> {
        Ok(())
    }

    /// After the calm has been measured, before the other clients begin again.
    fn arm(&self, _ground: &Ground<'_>) -> Result<(), String> {
        Ok(())
    }

    /// The load. It holds until the other clients have had answers enough, and all its clients are gone when it returns.
    ///
    /// # Errors
    /// Why it could not be made at all.
    fn load(&self, ground: &Ground<'_>) -> Result<(), String>;

    /// After the load, with nobody else about: what can be asked then.
    fn afterwards(&self, _ground: &Ground<'_>) -> Result<(), String> {
        Ok(())
    }

    /// The end of our server, if the scenario has something to say about that.
    fn end(&self, _server: &mut Server, _findings: &Findings) {}

    /// How many threads may be there that were not before: none is started for each client.
    fn threads(&self) -> u64 {
        8
    }

    /// What resident memory may grow by.
    fn takes(&self) -> Vec<Part>;

    /// What of that may stay when the load has ended.
    fn keeps(&self) -> Vec<Part> {
        vec![CACHE, MEMTABLES, ROOM]
    }
}
