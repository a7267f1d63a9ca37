//! What became of a request to a backend. These enums are exhaustive: every outcome has to be
//! decided about.

use crate::{SessionId, SessionRecord};

/// What became of [`SessionBackend::create`](crate::SessionBackend::create).
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum CreateOutcome {
    /// The secret or the id is taken; nothing was stored.
    Collided,
    /// The session is stored.
    Created {
        /// The sessions of the user that were ended to make room.
        evicted: Vec<SessionId>,
    },
    /// The user has as many sessions as allowed; nothing was stored.
    Full,
}

/// What became of [`SessionBackend::rotate`](crate::SessionBackend::rotate).
#[derive(Clone, Debug)]
#[must_use]
pub enum RotateOutcome {
    /// The old session has another version; nothing was done. This is what is stored.
    Changed(Box<SessionRecord>),
    /// The new secret or the new id is taken; nothing was done.
    Collided,
    /// The user has as many sessions as allowed; nothing was done.
    Full,
    /// There is no live old session; nothing was done.
    Gone,
    /// The old session has ended and the new one is stored.
    Rotated {
        /// The sessions of the user that were ended to make room.
        evicted: Vec<SessionId>,
    },
}

/// What became of [`SessionBackend::update`](crate::SessionBackend::update).
#[derive(Clone, Debug)]
#[must_use]
pub enum UpdateOutcome {
    /// The session has another version; nothing was stored. This is what is stored.
    Changed(Box<SessionRecord>),
    /// There is no such session.
    Gone,
    /// The data is stored, under this version.
    Updated {
        /// The new version.
        version: u64,
    },
}
