//! Where figures are registered by name.

use prometheus_client::registry::{Metric, Registry};

/// Registers a clone of a figure: clones share the value.
pub(super) struct Catalogue<'a>(pub(super) &'a mut Registry);

impl Catalogue<'_> {
    pub(super) fn figure(&mut self, name: &str, help: &str, figure: &(impl Metric + Clone)) {
        self.0.register(name, help, figure.clone());
    }
}
