//! Where remembered logins are kept: [`RememberStore`].

mod shared;

use std::time::{Duration, SystemTime};

use auth_layer::{AuthError, SecretDigest};

pub use self::shared::SharedRememberStore;
use super::RememberedLogin;
use crate::UserKey;

/// Where remembered logins are kept: one *series* of single-use secrets for each.
///
/// A browser keeps a selector, which names the series and stays, and a secret, which is replaced
/// each time it is used. A secret that was replaced and is sent again was copied: the series ends.
/// A store sees digests only, of the selector and of the secrets, and never interprets them.
///
/// What is kept of a series: its [`RememberedLogin`], the digest of its current secret, the digest
/// of the secret that was current before, and when that one was replaced.
///
/// # Contract
///
/// - **Atomic.** Each method happens as a whole or not at all, also when its future is dropped
///   half-way, and in one order for all callers. Of many [`redeem`](Self::redeem)s of the current
///   secret one is answered [`Rotated`](RedeemOutcome::Rotated).
/// - **Dead stays dead.** After `delete`, `delete_all` or [`Reused`](RedeemOutcome::Reused) has ended
///   a series, no `redeem` that comes later finds anything of it or brings it back.
/// - **Time comes from the caller.** A series is over at its `ends_at`, and `redeem` treats it as
///   unknown from then on; `find` may return it until its storage is freed. Nothing moves `ends_at`.
/// - **Bounded.** A user has at most as many series as [`NewSeries`] says. One that is over when the
///   new one begins takes no place. Where the index of a user
///   cannot be changed in one step with a series (Redis Cluster), the index is written first, so that
///   a live series is never missing from it; `insert` may end the old ones after it has stored the
///   new one, and a few more than the bound may live for as long as that takes.
/// - **An error means "could not ask"**, whatever its kind, and is answered 503.
///
/// `auth_test::contract::remember_store` checks an implementation against this, with races.
pub trait RememberStore: Send + Sync + 'static {
    /// Stores a new series; false, and nothing is stored, if its selector is taken. If the user has
    /// as many as allowed that are not over, those of them that began first end.
    ///
    /// # Errors
    ///
    /// Fails if the backing store cannot be asked.
    fn insert(&self, series: NewSeries) -> impl Future<Output = Result<bool, AuthError>> + Send;

    /// Finds a series by the digest of its selector, and changes nothing.
    ///
    /// # Errors
    ///
    /// Fails if the backing store cannot be asked, or holds a login that it cannot decode.
    fn find(
        &self,
        series: &SecretDigest,
    ) -> impl Future<Output = Result<Option<RememberedLogin>, AuthError>> + Send;

    /// Uses a secret up:
    ///
    /// 1. There is no such series, or it is over at `now`:
    ///    [`Unknown`](RedeemOutcome::Unknown).
    /// 2. `presented` is the current secret: it becomes the one before, replaced at `now`, and `next`
    ///    becomes the current one: [`Rotated`](RedeemOutcome::Rotated).
    /// 3. `presented` is the secret before, and `now` is less than `grace` away from when it was
    ///    replaced, earlier or later: nothing changes, and so the time does not begin again:
    ///    [`Repeated`](RedeemOutcome::Repeated).
    /// 4. Otherwise it is not, or no longer, a secret of this series: the series is removed:
    ///    [`Reused`](RedeemOutcome::Reused).
    ///
    /// # Errors
    ///
    /// Fails if the backing store cannot be asked, or holds a login that it cannot decode.
    fn redeem(
        &self,
        series: &SecretDigest,
        redemption: Redemption,
    ) -> impl Future<Output = Result<RedeemOutcome, AuthError>> + Send;

    /// Ends a series; false if there was none.
    ///
    /// # Errors
    ///
    /// Fails if the backing store cannot be asked.
    fn delete(&self, series: &SecretDigest)
    -> impl Future<Output = Result<bool, AuthError>> + Send;

    /// Ends all series of a user but one, and says how many those were. Series that are over may
    /// count.
    ///
    /// # Errors
    ///
    /// Fails if the backing store cannot be asked.
    fn delete_all(
        &self,
        user: &UserKey,
        except: Option<&SecretDigest>,
    ) -> impl Future<Output = Result<usize, AuthError>> + Send;
}

/// A series to be stored.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewSeries {
    /// The digest of its selector.
    pub series: SecretDigest,
    /// The digest of its first secret.
    pub secret: SecretDigest,
    /// Who is remembered.
    pub login: RememberedLogin,
    /// How many series its user may have, this one included. At least 1.
    pub max_per_user: u32,
}

impl NewSeries {
    /// A series of a user who may have at most `max_per_user`; 0 counts as 1.
    #[must_use]
    pub const fn new(
        series: SecretDigest,
        secret: SecretDigest,
        login: RememberedLogin,
        max_per_user: u32,
    ) -> Self {
        let max_per_user = if max_per_user == 0 { 1 } else { max_per_user };
        Self {
            series,
            secret,
            login,
            max_per_user,
        }
    }
}

/// The use of a secret.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Redemption {
    /// The digest of the secret that was sent.
    pub presented: SecretDigest,
    /// The digest of the secret that shall replace it.
    pub next: SecretDigest,
    /// The time, to the millisecond.
    pub now: SystemTime,
    /// How long a secret is still accepted after it was replaced, to the millisecond.
    pub grace: Duration,
}

impl Redemption {
    /// The use of `presented` at `now`.
    #[must_use]
    pub const fn new(
        presented: SecretDigest,
        next: SecretDigest,
        now: SystemTime,
        grace: Duration,
    ) -> Self {
        Self {
            presented,
            next,
            now,
            grace,
        }
    }
}

/// What became of [`RememberStore::redeem`]. It is exhaustive: every outcome has to be decided about.
#[derive(Clone, Debug)]
#[must_use]
pub enum RedeemOutcome {
    /// The secret before, a moment after it was replaced, as a second tab sends it. Nothing has
    /// changed.
    Repeated(RememberedLogin),
    /// No longer, or never, a secret of this series. The series has ended.
    Reused(RememberedLogin),
    /// It was the current secret, and the next one has taken its place.
    Rotated(RememberedLogin),
    /// There is no live series. Nothing has changed.
    Unknown,
}
