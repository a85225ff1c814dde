//! Several members as processes: started on ports that they keep, waited for by what they say, and never left behind. When a
//! test fails, the ends of their logs are printed.

use std::net::SocketAddr;
use std::ops::{Index, IndexMut};
use std::time::Duration;

use serde_json::Value;

use super::http::{Connection, Request, Response};
use super::server::{self, Launch, Membership, Server};
use super::wait::{LIMIT, until, until_or};

/// How long a member may take to say how it is: it is asked again.
const ASKED: Duration = Duration::from_secs(10);

/// Shorter than the defaults, so that a test need not wait for its elections.
const TIMES: [&str; 2] = ["--heartbeat-interval=50", "--election-timeout=500"];

/// The members of one cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    members: Vec<Server>,
}

/// A cluster of that many, as it is about to be started, in short election time-outs.
pub(crate) fn launches(count: usize) -> Vec<Launch> {
    launches_of(count, &server::ours)
}

/// The same of this kind of server.
pub(crate) fn launches_of(count: usize, kind: &dyn Fn() -> Launch) -> Vec<Launch> {
    let places = places(count).into_iter();
    places
        .map(|place| in_short_times(kind().member(place)))
        .collect()
}

/// The same with the times that a user gets who says nothing.
pub(crate) fn with_defaults(count: usize) -> Vec<Launch> {
    let places = places(count).into_iter();
    places.map(|place| server::ours().member(place)).collect()
}

/// This one with short election time-outs.
pub(crate) fn in_short_times(launch: Launch) -> Launch {
    TIMES.into_iter().fold(launch, Launch::arg)
}

/// Places on loopback.
fn places(count: usize) -> Vec<Membership> {
    let ports = server::lasting_ports(2 * count);
    let (clients, peers) = ports.split_at(count);
    memberships(clients, peers)
}

/// What each of them is told of itself and the others.
pub(crate) fn memberships(clients: &[SocketAddr], peers: &[SocketAddr]) -> Vec<Membership> {
    let all = peers.iter().enumerate();
    let all: Vec<String> = all
        .map(|(number, peer)| format!("m{number}=http://{peer}"))
        .collect();
    let place = |(number, (client, peer)): (usize, (&SocketAddr, &SocketAddr))| Membership {
        name: format!("m{number}"),
        client: *client,
        peer: *peer,
        cluster: all.join(","),
    };
    clients.iter().zip(peers).enumerate().map(place).collect()
}

impl Cluster {
    /// Starts that many members on empty directories, and waits until all of them are published.
    pub(crate) fn start(count: usize) -> Cluster {
        Cluster::of(launches(count))
    }

    /// Starts these, and waits until all of them are published.
    pub(crate) fn of(launches: Vec<Launch>) -> Cluster {
        let mut cluster = Cluster::spawn(launches);
        cluster.wait_published();
        cluster
    }

    /// Starts these and waits for nothing.
    pub(crate) fn spawn(launches: Vec<Launch>) -> Cluster {
        let members = launches.into_iter().map(Launch::spawn).collect();
        Cluster { members }
    }

    /// Starts one more, whose place the others know already.
    pub(crate) fn add(&mut self, launch: Launch) {
        self.members.push(launch.spawn());
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Server> {
        self.members.iter()
    }

    /// Where clients reach them.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.members.iter().map(Server::addr).collect()
    }

    /// Waits until all members of a fresh cluster have said who they are: nothing but clients writes from then on.
    pub(crate) fn wait_published(&mut self) {
        for member in &mut self.members {
            until_or("a member is not published", || {
                match member.poll_exit() {
                    Some(status) => panic!("a member ended: {status}\n{}", member.log_tail()),
                    None => member.log().contains("ready to serve client requests"),
                }
                .then_some(())
                .ok_or_else(|| member.log_tail())
            });
        }
    }

    /// Waits until every member that runs is healthy: it has a leader, and is as far as the others.
    pub(crate) fn wait_healthy(&mut self) {
        for member in &mut self.members {
            if member.pid().is_some()
                && let Err(why) = member.wait_ready()
            {
                panic!("{why}\n{}", member.log_tail());
            }
        }
    }

    /// The position of the member that all others of these say leads.
    pub(crate) fn leader_among(&self, positions: &[usize]) -> usize {
        until_or("these members agree on no leader", || {
            let mut led = None;
            for position in positions {
                let own = self.says_of_itself(*position)?;
                let leader = own["leaderInfo"]["leader"].as_str().unwrap_or_default();
                let known = led.get_or_insert_with(|| leader.to_owned());
                if leader.is_empty() || known != leader {
                    return Err(format!("{leader:?} and {known:?}"));
                }
            }
            for position in positions {
                let own = self.says_of_itself(*position)?;
                if own["state"] == "StateLeader" && own["id"].as_str() == led.as_deref() {
                    return Ok(*position);
                }
            }
            Err(format!("none of them is {led:?}"))
        })
    }

    /// The position of the member that leads all that run.
    pub(crate) fn leader(&self) -> usize {
        let running = (0..self.len()).filter(|position| self[*position].pid().is_some());
        self.leader_among(&running.collect::<Vec<_>>())
    }

    /// The positions of all but this one.
    pub(crate) fn others(&self, position: usize) -> Vec<usize> {
        (0..self.len()).filter(|other| *other != position).collect()
    }

    fn says_of_itself(&self, position: usize) -> Result<Value, String> {
        json(self[position].addr(), "/v2/stats/self")
    }

    /// Waits until all members that run have applied the same, and gives it: the whole tree and its index.
    pub(crate) fn agreed(&self) -> (String, u64) {
        let list = |member: &Server| {
            let answer = asked(
                member.addr(),
                &Request::get("/v2/keys/?recursive=true&sorted=true&local=true"),
            )?;
            let index = answer.etcd_index().ok_or_else(|| answer.dump())?;
            Ok((without_ttl(&answer.body)?, index))
        };
        until_or("the members differ", || {
            let running = self.members.iter().filter(|member| member.pid().is_some());
            let lists: Result<Vec<_>, String> = running.map(list).collect();
            let mut lists = lists?;
            let last = lists.pop().expect("a member runs");
            match lists.iter().find(|list| **list != last) {
                None => Ok(last),
                Some(other) => Err(format!("{other:?}\n{last:?}")),
            }
        })
    }

    /// Ends all at once, as a power loss does.
    pub(crate) fn kill_all(&mut self) {
        // None may live on while another one is waited for.
        for member in &self.members {
            if member.pid().is_some() {
                member.signal_kill();
            }
        }
        self.members.iter_mut().for_each(Server::kill);
    }

    /// Waits until a member says this in its log.
    pub(crate) fn wait_said(&self, position: usize, what: &str) {
        until(&format!("the log never says {what:?}"), || {
            self[position].log().contains(what)
        });
    }
}

impl Index<usize> for Cluster {
    type Output = Server;

    fn index(&self, position: usize) -> &Server {
        &self.members[position]
    }
}

impl IndexMut<usize> for Cluster {
    fn index_mut(&mut self, position: usize) -> &mut Server {
        &mut self.members[position]
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for member in &self.members {
                eprintln!("{}", member.log_tail());
            }
        }
    }
}

/// One exchange on a connection of its own, or why there was none.
pub(crate) fn asked(address: SocketAddr, request: &Request) -> Result<Response, String> {
    within(address, request, ASKED)
}

/// As [`asked`], with a time-out of its own.
pub(crate) fn within(
    address: SocketAddr,
    request: &Request,
    patience: Duration,
) -> Result<Response, String> {
    let told = |error: std::io::Error| format!("{address}: {error}");
    let mut connection = Connection::open(address).map_err(told)?;
    connection.send(request).map_err(told)?;
    connection.read_response(patience).map_err(told)
}

/// A JSON answer.
pub(crate) fn json(address: SocketAddr, target: &str) -> Result<Value, String> {
    let answer = asked(address, &Request::get(target))?;
    serde_json::from_slice(&answer.body).map_err(|_| answer.dump())
}

/// A key, once this address serves it.
///
/// # Panics
/// When it does not within [`LIMIT`].
pub(crate) fn read(address: SocketAddr, key: &str) -> Response {
    until_or(&format!("{key} is not served within {LIMIT:?}"), || {
        let answer = asked(address, &Request::get(&format!("/v2/keys{key}")))?;
        match answer.status() {
            200 | 404 => Ok(answer),
            _ => Err(answer.dump()),
        }
    })
}

/// The time left runs down between two looks; everything else must be the same.
fn without_ttl(body: &[u8]) -> Result<String, String> {
    let mut value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    drop_ttl(&mut value);
    Ok(value.to_string())
}

fn drop_ttl(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("ttl");
            members.values_mut().for_each(drop_ttl);
        }
        Value::Array(elements) => elements.iter_mut().for_each(drop_ttl),
        _ => {}
    }
}
