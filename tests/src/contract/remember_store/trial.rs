//! A store on trial, and series to try it with.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth_layer::{CredentialEpoch, Factor, FactorKind, Identity, SecretDigest};
use session_layer::{
    NewSeries, RedeemOutcome, Redemption, RememberStore, RememberedLogin, UserKey,
};

use crate::contract::{answer, check, random, this_second, unique};

/// Seconds after which a series ends.
pub(super) const LIFETIME: u64 = 36_000;
/// Seconds for which a replaced secret is still accepted.
pub(super) const GRACE: u64 = 30;
/// As many series as a user may have, unless a check is about that.
pub(super) const MAX: u32 = 20;

pub(super) struct Trial<S> {
    pub(super) store: Arc<S>,
    start: SystemTime,
}

impl<S: RememberStore> Trial<S> {
    pub(super) fn new(store: S) -> Self {
        Self {
            store: Arc::new(store),
            start: this_second(),
        }
    }

    /// The time so many seconds after the start.
    pub(super) fn at(&self, seconds: u64) -> SystemTime {
        self.start + Duration::from_secs(seconds)
    }

    /// Somebody who is not remembered yet.
    pub(super) fn user(&self) -> Identity {
        Identity::builder(session_layer::SCHEME, unique("user"))
            .issuer("https://id.example")
            .tenant("tenant")
            .role("admin")
            .factor(Factor::new(FactorKind::Password, self.start))
            .auth_time(self.start)
            .extra(CredentialEpoch::new(7))
            .build()
    }

    /// A series of `user` that begins so many seconds after the start.
    pub(super) fn series(&self, user: &Identity, seconds: u64, max: u32) -> NewSeries {
        let (from, to) = (self.at(seconds), self.at(seconds + LIFETIME));
        let login = RememberedLogin::new(user.clone(), from, to);
        NewSeries::new(digest(), digest(), login, max)
    }

    /// Stores a series where nothing is in its way.
    pub(super) async fn insert(&self, series: &NewSeries) {
        let stored = answer(self.store.insert(series.clone()).await);
        check!(
            "insert: Stores a new series",
            stored,
            "false for a selector that is free"
        );
    }

    /// Stores and returns a series of `user`, begun at the start.
    pub(super) async fn inserted(&self, user: &Identity) -> NewSeries {
        let series = self.series(user, 0, MAX);
        self.insert(&series).await;
        series
    }

    pub(super) async fn redeem(
        &self,
        series: &NewSeries,
        presented: SecretDigest,
        next: SecretDigest,
        seconds: u64,
    ) -> RedeemOutcome {
        let grace = Duration::from_secs(GRACE);
        let redemption = Redemption::new(presented, next, self.at(seconds), grace);
        answer(self.store.redeem(&series.series, redemption).await)
    }

    pub(super) async fn is_found(&self, series: &NewSeries) -> bool {
        answer(self.store.find(&series.series).await).is_some()
    }

    pub(super) async fn delete_all(&self, user: &Identity, except: Option<&SecretDigest>) -> usize {
        answer(self.store.delete_all(&UserKey::from(user), except).await)
    }
}

impl<S> Clone for Trial<S> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            start: self.start,
        }
    }
}

pub(super) fn digest() -> SecretDigest {
    SecretDigest::from_bytes(random())
}

/// Whether two logins are the same in all that a store keeps.
pub(super) fn same(left: &RememberedLogin, right: &RememberedLogin) -> bool {
    left.encode() == right.encode()
}

pub(super) const fn is_repeated(outcome: &RedeemOutcome) -> bool {
    matches!(outcome, RedeemOutcome::Repeated(_))
}

pub(super) const fn is_reused(outcome: &RedeemOutcome) -> bool {
    matches!(outcome, RedeemOutcome::Reused(_))
}

pub(super) const fn is_rotated(outcome: &RedeemOutcome) -> bool {
    matches!(outcome, RedeemOutcome::Rotated(_))
}

pub(super) const fn is_unknown(outcome: &RedeemOutcome) -> bool {
    matches!(outcome, RedeemOutcome::Unknown)
}
