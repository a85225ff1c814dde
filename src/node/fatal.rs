//! Why a node takes no more writes until its process is started again: an error that many are told, with its source.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Clones share it.
#[derive(Debug, Clone)]
pub struct FatalError(Arc<dyn Error + Send + Sync>);

impl FatalError {
    /// An error, or a sentence.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into().into())
    }

    /// The error that it was made of, if it is one of these.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.0.downcast_ref()
    }
}

impl fmt::Display for FatalError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl Error for FatalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// Two that tell an operator the same.
impl PartialEq for FatalError {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.to_string() == other.to_string()
    }
}

impl Eq for FatalError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the log: {0}")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn the_source_is_kept_and_the_words_are_the_errors() {
        let error = FatalError::new(Outer(std::io::Error::other("no such disk")));
        assert_eq!(error.to_string(), "the log: no such disk");
        let source = error.source().expect("it has one");
        assert!(source.downcast_ref::<std::io::Error>().is_some());
        assert!(error.downcast_ref::<Outer>().is_some());
        assert_eq!(error, FatalError::new("the log: no such disk"));
    }
}
