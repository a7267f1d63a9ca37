//! Whether a layer's backend knows the sessions of each user.

/// The backend knows which sessions a user has, and each of its methods is one step: it is a
/// [`SessionBackend`](crate::SessionBackend). What [`SessionLayer`](crate::SessionLayer) is unless its
/// type says otherwise.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Indexed;

/// The backend is a store written for tower-sessions, which can do less; see
/// [`SessionLayer::danger_unindexed`](crate::SessionLayer::danger_unindexed).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Unindexed;
