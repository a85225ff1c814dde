//! A lone server becomes one of several: its peer port opens when the first member is added to it.
//!
//! Before that nobody has a reason to reach it there, and a port that is in use on the machine is no reason against a start.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::port::Listeners;
use crate::service::Service;
use crate::transport::Network;

type Asked = oneshot::Sender<Result<(), String>>;

/// Who wants the peer port to be open.
pub(super) struct GrowthRequests(mpsc::Receiver<Asked>);

impl GrowthRequests {
    /// The service asks from now on.
    pub(super) fn of(service: &Service) -> Self {
        let (ask, asked) = mpsc::channel::<Asked>(1);
        service.set_growth(Box::new(move || {
            let ask = ask.clone();
            Box::pin(async move {
                let stops = || "it is stopping".to_owned();
                let (answer, told) = oneshot::channel();
                ask.send(answer).await.map_err(|_| stops())?;
                told.await.map_err(|_| stops())?
            })
        }));
        Self(asked)
    }

    /// Opens the peer port when somebody asks, if it is not open. For as long as the server runs.
    pub(super) async fn serve(
        &mut self,
        listeners: &Listeners<'_>,
        network: Option<&Arc<Network>>,
        tasks: &mut JoinSet<()>,
        mut open: bool,
    ) {
        while let Some(asked) = self.0.recv().await {
            let opened = match network {
                _ if open => Ok(()),
                None => Err("it only reads, since its store is damaged".to_owned()),
                Some(network) => listeners
                    .members(tasks, Vec::new(), network)
                    .map_err(|error| {
                        format!(
                            "{error}. Free that address, or start this server with another --listen-peer-urls"
                        )
                    }),
            };
            if opened.is_ok() && !open {
                open = true;
                tracing::info!("the peer port is open: other members may be added");
            }
            // Who asked may have gone.
            let _ = asked.send(opened);
        }
        std::future::pending().await
    }
}
