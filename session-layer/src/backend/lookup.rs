//! What a backend can say at once.

use crate::SessionRecord;

/// What a backend can say of a session without waiting: the answer of
/// [`SessionBackend::find_now`](crate::SessionBackend::find_now). There is no fourth case; what goes
/// wrong is left to [`find`](crate::SessionBackend::find) to say.
#[derive(Clone, Debug)]
#[must_use]
#[expect(
    clippy::large_enum_variant,
    reason = "it is made to be taken apart at once, without a box"
)]
pub enum SessionLookup {
    /// This is its record.
    Found(SessionRecord),
    /// There is no such session.
    Missing,
    /// Ask [`find`](crate::SessionBackend::find).
    Wait,
}
