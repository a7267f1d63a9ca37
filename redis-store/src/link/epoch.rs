//! Which connection a link has, as others may remember it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that changes whenever a link loses its connection or has made another one.
///
/// What was found out about the server at the other end holds as long as it stays the same. Clones
/// share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Epoch(Arc<AtomicU64>);

impl Epoch {
    pub(crate) fn now(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Nothing that was found out until now holds any more.
    pub(crate) fn end(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}
