//! Clients that asked once and keep their connections.

use super::ground::{Ground, status};
use super::memory::{Part, ROOM, each};
use super::plan::Plan;
use super::process;
use super::scenario::Scenario;
use super::support::http::{Connection, Request};

pub(crate) struct IdleConnections {
    count: usize,
}

impl IdleConnections {
    pub(crate) fn new(plan: &Plan) -> IdleConnections {
        let wanted = plan.size(600, 9_000);
        IdleConnections {
            count: wanted.min(process::connections_left()),
        }
    }
}

impl Scenario for IdleConnections {
    fn name(&self) -> &'static str {
        "idle_connections"
    }

    fn size(&self) -> String {
        format!("{} connections", self.count)
    }

    fn load(&self, ground: &Ground<'_>) -> Result<(), String> {
        let version = Request::get("/version");
        let mut idle: Vec<Connection> = Vec::with_capacity(self.count);
        for number in 0..self.count {
            let mut connection = ground.connect()?;
            // Every other one has not said a word yet.
            if number.is_multiple_of(2) {
                let answer = status(connection.exchange(&version));
                ground.findings.expect(answer == Ok(200), || {
                    format!("connection {number} got {answer:?}")
                });
            }
            idle.push(connection);
        }
        ground.hold();
        for (number, connection) in idle.iter_mut().enumerate().step_by(self.count / 50) {
            let answer = status(connection.exchange(&version));
            ground
                .findings
                .expect(answer == Ok(200) && connection.opened() == 1, || {
                    format!(
                        "idle connection {number} got {answer:?} on socket {}",
                        connection.opened()
                    )
                });
        }
        Ok(())
    }

    /// A connection is a task with its buffers: 8 KiB to read into, the head of a request, the library's own.
    fn takes(&self) -> Vec<Part> {
        vec![each(self.count, 32 << 10, "connections"), ROOM]
    }

    fn keeps(&self) -> Vec<Part> {
        vec![ROOM]
    }
}
