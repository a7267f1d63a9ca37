//! What a backend can say at once.

use std::sync::Arc;

use crate::SessionRecord;

/// What a backend can say of a session without waiting: the answer of
/// [`SessionBackend::find_now`](crate::SessionBackend::find_now). There is no fourth case; what goes
/// wrong is left to [`find`](crate::SessionBackend::find) to say.
#[derive(Clone, Debug)]
#[must_use]
pub enum SessionLookup {
    /// This is its record, shared with whoever else asks for it.
    Found(Arc<SessionRecord>),
    /// There is no such session.
    Missing,
    /// Ask [`find`](crate::SessionBackend::find).
    Wait,
}
