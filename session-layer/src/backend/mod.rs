//! Where sessions are kept: [`SessionBackend`].

mod lookup;
mod outcome;
mod shared;

use std::time::SystemTime;

use auth_layer::{AuthError, SecretDigest};

pub use self::lookup::SessionLookup;
pub use self::outcome::{CreateOutcome, RotateOutcome, UpdateOutcome};
pub use self::shared::SharedSessionBackend;
pub(crate) use self::shared::could_not_ask;
use crate::{SessionData, SessionId, SessionRecord, UserKey};

/// Where sessions are kept.
///
/// This is what [`SessionLayer`](crate::SessionLayer) manages sessions through. It is not
/// `tower_sessions::SessionStore`: that one saves whole records, the last writer wins, and so a
/// slow request can undo a logout. Here each method is one atomic step.
///
/// Implement it with plain `async fn`s. A backend never sees the secret in the cookie, only its
/// [`SecretDigest`], and finds the record by it.
///
/// # Contract
///
/// - **Atomic.** Each method happens as a whole or not at all, also when its future is dropped
///   half-way, and in one order for all callers.
/// - **Partitions.** A store that cannot change two keys in one step (Redis Cluster, whose old and
///   new secret, or user and session, lie in different slots) keeps everything in one slot, or
///   keeps to this order: end first, store afterwards; and write the index of a user before the
///   session it points to, or the session first and the index afterwards, before `create` or `rotate`
///   returns, and take the session back if that fails: nobody knows its secret until then. So a session
///   that somebody can use is never missing from the index. `rotate` then must never leave both sessions live; when it fails or is dropped half-way, it may have ended the old one
///   without storing the new one, which costs a login. Nothing else is weakened by partitions; of
///   the suite below, only the checks that no half of a rotation is seen or left are stricter.
/// - **Dead stays dead.** After `rotate`, `delete`, `delete_by_id` or `delete_all` has ended a
///   session, no `touch`, `update` or `rotate` that comes later brings anything of it back.
/// - **Ids stay.** `rotate` may be given a `new` with the id of `old`: a refreshed session keeps it,
///   so that whoever knows the id, or ends all of a user's sessions, ends the session under
///   whichever secret it has by then.
/// - **Guarded.** `update`, and `rotate` with a version, write only if the stored version is the
///   one given. Each `update` raises the version by one; `touch` leaves it alone.
/// - **Time comes from the caller**, in the arguments, and expiry is the layer's to judge: `find`
///   and `list` may return sessions that have expired. An expired session takes no place under a
///   [`SessionCap`], and `touch` and `rotate` treat it as gone. Storage is freed some time after
///   `expires_at`.
/// - **`find_now` agrees with `find`.** It may answer from a copy, but a change made through this
///   backend that has returned is in the copy, also if the copy was being made meanwhile. A change
///   made elsewhere may be missing for as long as the news of it travels, or for as long as the
///   backend documents; when no news can come, the answer is [`SessionLookup::Wait`].
/// - **An error means "could not ask"**, whatever its kind, and is answered 503. It never means
///   "no such session".
///
/// `auth_test::contract::session_backend` checks an implementation against this, with races.
pub trait SessionBackend: Send + Sync + 'static {
    /// Stores a new session, if neither its secret nor its id is taken and its user has room.
    ///
    /// An id counts as taken if a live session of the same user has it.
    ///
    /// # Errors
    ///
    /// Fails if the backing store cannot be asked.
    fn create(
        &self,
        session: NewSession,
    ) -> impl Future<Output = Result<CreateOutcome, AuthError>> + Send;

    /// The answer of [`find`](Self::find), if it can be given at once: without a trip, and without a
    /// lock that is held for longer than a map operation takes. The default is that it cannot.
    ///
    /// The layer asks it first. A session that is found by it costs a request no boxed future.
    fn find_now(&self, secret: &SecretDigest) -> SessionLookup {
        let _ = secret;
        SessionLookup::Wait
    }

    /// Finds a session by the digest of its secret.
    ///
    /// # Errors
    ///
    /// Fails if the backing store cannot be asked, or holds a record that it cannot decode.
    fn find(
        &self,
        secret: &SecretDigest,
    ) -> impl Future<Output = Result<Option<SessionRecord>, AuthError>> + Send;

    /// Notes that a session was used; false if it is gone or over by then. Moves `last_seen_at`
    /// and `expires_at` forward, never back, and `expires_at` never past `ends_at`.
    ///
    /// A finished response waits for this, so give it a deadline: failing costs nobody anything but
    /// an earlier end of the session.
    ///
    /// # Errors
    ///
    /// Fails if the backing store cannot be asked.
    fn touch(
        &self,
        secret: &SecretDigest,
        touch: Touch,
    ) -> impl Future<Output = Result<bool, AuthError>> + Send;

    /// Replaces the data of a session, if its version is still `version`.
    ///
    /// # Errors
    ///
    /// Fails if the backing store cannot be asked.
    fn update(
        &self,
        secret: &SecretDigest,
        version: u64,
        data: SessionData,
    ) -> impl Future<Output = Result<UpdateOutcome, AuthError>> + Send;

    /// Ends the session `old` and stores `new`, both or neither. If a version is given, only if
    /// `old` still has it. A session that is replaced takes no place under a cap, and its id does
    /// not count as taken.
    ///
    /// # Errors
    ///
    /// Fails if the backing store cannot be asked.
    fn rotate(
        &self,
        old: &SecretDigest,
        version: Option<u64>,
        new: NewSession,
    ) -> impl Future<Output = Result<RotateOutcome, AuthError>> + Send;

    /// Ends a session; false if there was none.
    ///
    /// # Errors
    ///
    /// Fails if the backing store cannot be asked.
    fn delete(&self, secret: &SecretDigest)
    -> impl Future<Output = Result<bool, AuthError>> + Send;

    /// The sessions of a user, in any order.
    ///
    /// # Errors
    ///
    /// Fails if the backing store cannot be asked.
    fn list(
        &self,
        user: &UserKey,
    ) -> impl Future<Output = Result<Vec<SessionRecord>, AuthError>> + Send;

    /// Ends one session of a user; false if this user has none of that id.
    ///
    /// # Errors
    ///
    /// Fails if the backing store cannot be asked.
    fn delete_by_id(
        &self,
        user: &UserKey,
        id: &SessionId,
    ) -> impl Future<Output = Result<bool, AuthError>> + Send;

    /// Ends all sessions of a user but one, and says which. A login that comes later is not
    /// affected; one that came before is.
    ///
    /// # Errors
    ///
    /// Fails if the backing store cannot be asked.
    fn delete_all(
        &self,
        user: &UserKey,
        except: Option<&SessionId>,
    ) -> impl Future<Output = Result<Vec<SessionId>, AuthError>> + Send;
}

/// A session to be stored.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewSession {
    /// The digest of the secret in the cookie.
    pub secret: SecretDigest,
    /// The rest. Its `last_seen_at` is the time by which expiry is judged.
    pub record: SessionRecord,
    /// How many sessions its user may have, this one included.
    pub cap: Option<SessionCap>,
}

impl NewSession {
    /// A session without a cap.
    #[must_use]
    pub const fn new(secret: SecretDigest, record: SessionRecord) -> Self {
        Self {
            secret,
            record,
            cap: None,
        }
    }

    /// The same, if its user has room for it.
    #[must_use]
    pub const fn with_cap(mut self, cap: SessionCap) -> Self {
        self.cap = Some(cap);
        self
    }
}

/// How many live sessions one user may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionCap {
    /// The number, at least 1.
    pub max: u32,
    /// What a login does when the user has so many.
    pub when_full: WhenFull,
}

impl SessionCap {
    /// At most `max` sessions; 0 counts as 1.
    #[must_use]
    pub const fn new(max: u32, when_full: WhenFull) -> Self {
        let max = if max == 0 { 1 } else { max };
        Self { max, when_full }
    }
}

/// What a login does when the user has as many sessions as allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhenFull {
    /// End the sessions that were not used for longest.
    EvictOldest,
    /// Refuse the login.
    Refuse,
}

/// That a session was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Touch {
    /// When.
    pub seen_at: SystemTime,
    /// When it ends now, unless it is used again.
    pub expires_at: SystemTime,
}

impl Touch {
    /// A use at `seen_at`, after which the session ends at `expires_at`.
    #[must_use]
    pub const fn new(seen_at: SystemTime, expires_at: SystemTime) -> Self {
        Self {
            seen_at,
            expires_at,
        }
    }
}
