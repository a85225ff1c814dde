//! Three members on one thread, whose consensus is a list: what one proposes, all apply. They do everything else themselves.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use storage::operation::Outcome;

use crate::clock::Clock;
use crate::command::{Command, NEWEST, ServerOperation, Stamp};
use crate::config::Config;
use crate::formation::{founder, publication::Publication, publish_among_others};
use crate::metrics::Metrics;
use crate::node::context::NodeContext;
use crate::node::outcome::AppliedWrite;
use crate::node::status::Status;
use crate::raft::{Role, SoftState};
use crate::service::{Service, ServiceError, ServiceSettings};

/// One member, as far as it is told here.
pub(super) struct ToyMember {
    pub(super) config: Config,
    pub(super) service: Service,
    pub(super) store: storage::Store,
    settings: ServiceSettings,
    context: NodeContext,
    writer: storage::Writer,
    id: u64,
    _directory: tempfile::TempDir,
}

impl ToyMember {
    pub(super) fn new(config: Config) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("store");
        let (store, writer) =
            storage::open(&path, storage::StoreOptions::default()).expect("opened");
        let founder = founder(&config).expect("it may found");
        let context = NodeContext::new(
            Clock::system(),
            store.clone(),
            &Default::default(),
            10,
            Metrics::new("test"),
        );
        let settings = ServiceSettings {
            member_id: founder.identity.member,
            name: config.name.clone(),
            cluster_id: founder.identity.cluster,
            vocabulary: config.vocabulary,
            default_read: config.default_read,
            request_timeout: Duration::from_secs(5),
            start_time: SystemTime::UNIX_EPOCH,
            alone: founder.conf_state.voters.len() == 1,
            applies: NEWEST,
        };
        Self {
            config,
            service: Service::new(settings.clone(), context.clone(), None),
            settings,
            store,
            context,
            writer,
            id: founder.identity.member,
            _directory: directory,
        }
    }

    /// Starts again, as a build that applies this.
    pub(super) fn change_build(&mut self, applies: u8) {
        self.settings.applies = applies;
        self.service = self.started_again();
    }

    /// The service of a new start on the same store.
    pub(super) fn started_again(&self) -> Service {
        Service::new(self.settings.clone(), self.context.clone(), None)
    }

    /// What it believes of who leads.
    pub(super) fn believes(&self, leader: u64) {
        let role = if leader == self.id {
            Role::Leader
        } else {
            Role::Follower
        };
        let soft = SoftState {
            role,
            leader,
            term: 1,
            commit: 0,
            sole_voter: false,
        };
        self.status().publish(&soft, SystemTime::UNIX_EPOCH);
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    fn status(&self) -> &Arc<Status> {
        &self.context.status
    }

    /// The revision of a hidden node, if it is there, and its value.
    pub(super) fn hidden(&self, path: &str) -> Option<(u64, String)> {
        let path = storage::path::KeyPath::new(path.as_bytes().to_vec()).expect("a path");
        let (node, _) = self.store.get(&path).expect("readable");
        let node = node.ok()?;
        let value = node.value.unwrap_or_default();
        Some((node.modified, String::from_utf8_lossy(&value).into_owned()))
    }

    fn apply(&mut self, index: u64, data: &[u8]) -> Vec<Outcome> {
        let command = Command::decode(data.to_vec().into(), 0).expect("decodes");
        let mut batch = self.writer.batch();
        let outcomes = batch.apply(index, 0, &command.operations).expect("applies");
        batch.commit().expect("committed");
        self.status().set_applied(index);
        outcomes
    }
}

/// All of them, and the list.
pub(super) struct ToyCluster {
    pub(super) members: Vec<ToyMember>,
    index: u64,
}

impl ToyCluster {
    pub(super) fn new(configs: impl IntoIterator<Item = Config>) -> Self {
        Self {
            members: configs.into_iter().map(ToyMember::new).collect(),
            index: 0,
        }
    }

    /// Serves everything that waits: reads are granted, and writes are applied by all.
    fn turn(&mut self) {
        let mut writes = Vec::new();
        for (at, member) in self.members.iter().enumerate() {
            let inputs = member
                .context
                .intake
                .take(Duration::ZERO, Default::default());
            for read in inputs.reads {
                let _ = read.send(Ok(()));
            }
            writes.extend(inputs.writes.into_iter().map(|write| (at, write)));
        }
        for (from, write) in writes {
            self.index += 1;
            let index = self.index;
            let data = write.proposal.stamp(&Stamp::default());
            let outcomes: Vec<_> = self
                .members
                .iter_mut()
                .map(|member| member.apply(index, &data))
                .collect();
            let outcomes = outcomes[from].clone();
            let _ = write.reply.send(Ok(AppliedWrite {
                outcomes,
                index,
                term: 1,
                refused: None,
            }));
        }
    }

    /// Runs `work` of a member, with consensus beside it.
    pub(super) async fn beside<T>(&mut self, work: impl Future<Output = T>) -> T {
        let consensus = async {
            loop {
                self.turn();
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            done = work => done,
            never = consensus => { let never: Infallible = never; match never {} }
        }
    }

    /// The publication of one member.
    pub(super) async fn publish(
        &mut self,
        at: usize,
        nonce: u64,
    ) -> Result<Publication, ServiceError> {
        let member = &self.members[at];
        let (service, status) = (member.service.clone(), member.status().clone());
        let config = member.config.clone();
        self.beside(async move {
            publish_among_others(&service, &status, &config, nonce, &BTreeMap::new).await
        })
        .await
    }

    /// The publications of all, at the same time; each has its own nonce, from 1 on.
    pub(super) async fn publish_all(&mut self) -> [Publication; 3] {
        let parts = |member: &ToyMember| {
            (
                member.service.clone(),
                member.status().clone(),
                member.config.clone(),
            )
        };
        let [a, b, c] = [0, 1, 2].map(|at| parts(&self.members[at]));
        let work = async {
            tokio::join!(
                publish_among_others(&a.0, &a.1, &a.2, 1, &BTreeMap::new),
                publish_among_others(&b.0, &b.1, &b.2, 2, &BTreeMap::new),
                publish_among_others(&c.0, &c.1, &c.2, 3, &BTreeMap::new),
            )
        };
        let (a, b, c) = self.beside(work).await;
        [a, b, c].map(|published| published.expect("published"))
    }

    /// One command of the server, from the first member.
    pub(super) async fn write(&mut self, operations: &[ServerOperation]) {
        let service = self.members[0].service.clone();
        let operations = operations.to_vec();
        self.beside(async move { service.write_own(&operations).await })
            .await
            .expect("written");
    }
}
