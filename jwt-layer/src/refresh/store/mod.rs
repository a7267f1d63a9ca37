//! Where families are kept: [`RefreshStore`].

mod shared;

use auth_layer::{AuthError, UserKey};

pub use self::shared::SharedRefreshStore;
use super::{FamilyId, FamilyState, RotateOutcome, Rotation};

/// Where families of refresh tokens are kept.
///
/// A family has one token that is good. It is replaced each time it is used, and a token that comes
/// again later was copied: the family ends. A store sees digests of tokens, and successors that only
/// the token before opens, and never interprets them.
///
/// # Contract
///
/// - **Atomic.** Each method happens as a whole or not at all, also when its future is dropped
///   half-way or the server dies, and in one order for all callers. Of many
///   [`rotate`](Self::rotate)s of the current token one is answered
///   [`Rotated`](RotateOutcome::Rotated).
/// - **Dead stays dead.** After [`end`](Self::end), or once `rotate` has answered
///   [`Reused`](RotateOutcome::Reused), nothing brings a token of the family back.
/// - **Time comes from the caller.** A family is over at its `expires_at`, and `rotate` treats it as
///   unknown from then on; `find` and `list` may return it until its storage is freed.
/// - **Indexed.** No live family is missing from `list`. Where a family and the index of its user cannot
///   be changed in one step (Redis Cluster), the index is written first.
/// - **An error means "could not ask"**, whatever its kind, and is answered 503.
///
/// `auth_test::contract::refresh_store` checks an implementation against this, with races.
pub trait RefreshStore: Send + Sync + 'static {
    /// Stores a new family; false, and nothing is stored, if its id is taken. `used` is `None` and
    /// `reused` false.
    ///
    /// # Errors
    ///
    /// Fails if the backing store cannot be asked.
    fn insert(&self, family: FamilyState) -> impl Future<Output = Result<bool, AuthError>> + Send;

    /// Finds a family, and changes nothing.
    ///
    /// # Errors
    ///
    /// Fails if the backing store cannot be asked, or holds a family that it cannot decode.
    fn find(
        &self,
        id: &FamilyId,
    ) -> impl Future<Output = Result<Option<FamilyState>, AuthError>> + Send;

    /// Uses a token up:
    ///
    /// 1. There is no such family, or it is over at `now`: [`Unknown`](RotateOutcome::Unknown).
    /// 2. A reuse has ended the family: [`Reused`](RotateOutcome::Reused).
    /// 3. `presented` is the current token: it becomes the one used last, at `now`, with its
    ///    `successor` and without replays; `next` becomes the current one, and `expires_at` that of
    ///    the rotation: [`Rotated`](RotateOutcome::Rotated).
    /// 4. `presented` is the token used last, and `now` is less than `window` away from when it was
    ///    used first, earlier or later: if it has been replayed less than `max_replays` times, that is
    ///    counted, and nothing else changes: [`Repeated`](RotateOutcome::Repeated), with the
    ///    successor that was stored then; otherwise nothing changes at all:
    ///    [`Exhausted`](RotateOutcome::Exhausted).
    /// 5. Otherwise it is not, or no longer, a token of this family, which is marked as ended by
    ///    that: [`Reused`](RotateOutcome::Reused). It stays until it is over, so that whoever did not
    ///    get to take its access tokens back is told of it again.
    ///
    /// [`FamilyState::rotate`] does this.
    ///
    /// # Errors
    ///
    /// Fails if the backing store cannot be asked.
    fn rotate(
        &self,
        id: &FamilyId,
        rotation: Rotation,
    ) -> impl Future<Output = Result<RotateOutcome, AuthError>> + Send;

    /// Removes a family; false if there was none.
    ///
    /// # Errors
    ///
    /// Fails if the backing store cannot be asked.
    fn end(&self, id: &FamilyId) -> impl Future<Output = Result<bool, AuthError>> + Send;

    /// All families of a user, in any order.
    ///
    /// # Errors
    ///
    /// Fails if the backing store cannot be asked, or holds a family that it cannot decode.
    fn list(
        &self,
        user: &UserKey,
    ) -> impl Future<Output = Result<Vec<FamilyState>, AuthError>> + Send;
}
