//! Whether the wall clock shows a time that HTTP can tell.

use std::time::SystemTime;

use super::error::ServerError;

/// The first second of the year 10000.
const TOO_LATE: u64 = 253_402_300_800;

pub(super) fn look(now: SystemTime) -> Result<(), ServerError> {
    match now.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) if since.as_secs() < TOO_LATE => Ok(()),
        _ => Err(ServerError::WallClock),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_without_a_date_is_refused() {
        let epoch = SystemTime::UNIX_EPOCH;
        assert!(look(epoch).is_ok() && look(SystemTime::now()).is_ok());
        let before = look(epoch - Duration::from_secs(1));
        let after = look(epoch + Duration::from_secs(TOO_LATE));
        assert!(before.is_err() && after.is_err());
    }
}
