//! A store on trial, and families to try it with.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth_layer::{CredentialEpoch, Factor, FactorKind, Identity, ScopeSet, SecretDigest, UserKey};
use jwt_layer::refresh::{
    Family, FamilyId, FamilyState, RefreshStore, RotateOutcome, Rotation, SCHEME,
};

use crate::contract::{answer, check, random, this_second, unique};

/// Seconds after which a family ends.
pub(super) const LIFETIME: u64 = 36_000;
/// Seconds after which it ends unless it is used.
pub(super) const IDLE: u64 = 7_200;
/// Seconds for which the token used last is replayed.
pub(super) const WINDOW: u64 = 10;
/// How often.
pub(super) const REPLAYS: u32 = 100;

pub(super) struct Trial<S> {
    pub(super) store: Arc<S>,
    start: SystemTime,
}

impl<S: RefreshStore> Trial<S> {
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

    /// Somebody without a family.
    pub(super) fn user(&self) -> Identity {
        Identity::builder(SCHEME, unique("user"))
            .issuer("https://id.example")
            .tenant("tenant")
            .scopes("read write".parse::<ScopeSet>().unwrap_or_default())
            .factor(Factor::new(FactorKind::Password, self.start))
            .auth_time(self.start)
            .extra(CredentialEpoch::new(7))
            .build()
    }

    /// A family of `user` that begins at the start.
    pub(super) fn family(&self, user: &Identity) -> FamilyState {
        let id = FamilyId::from_bytes(random());
        let mut family = Family::new(id, user.clone(), self.at(0), self.at(LIFETIME));
        family.issuer = "https://issuer.example".to_owned();
        family.device = Some("a \"device\" \0 ä".to_owned());
        FamilyState::new(family, digest(), self.at(IDLE))
    }

    /// Stores and returns a family of `user`.
    pub(super) async fn inserted(&self, user: &Identity) -> FamilyState {
        let family = self.family(user);
        let stored = answer(self.store.insert(family.clone()).await);
        check!(
            "insert: Stores a new family",
            stored,
            "false for an id that is free"
        );
        family
    }

    /// The exchange of `presented` for `next` so many seconds after the start.
    pub(super) fn rotation(
        &self,
        presented: SecretDigest,
        next: SecretDigest,
        seconds: u64,
    ) -> Rotation {
        let expires_at = self.at(LIFETIME.min(seconds + IDLE));
        let window = Duration::from_secs(WINDOW);
        Rotation::new(presented, next, self.at(seconds), expires_at).replayable(
            window,
            REPLAYS,
            successor(&next),
        )
    }

    pub(super) async fn rotate(
        &self,
        family: &FamilyState,
        presented: SecretDigest,
        next: SecretDigest,
        seconds: u64,
    ) -> RotateOutcome {
        let rotation = self.rotation(presented, next, seconds);
        answer(self.store.rotate(&family.family.id, rotation).await)
    }

    pub(super) async fn find(&self, family: &FamilyState) -> Option<FamilyState> {
        answer(self.store.find(&family.family.id).await)
    }

    /// The ids of a user's families, in order.
    pub(super) async fn listed(&self, user: &Identity) -> Vec<FamilyId> {
        let listed = answer(self.store.list(&UserKey::from(user)).await);
        let mut ids: Vec<_> = listed.iter().map(|state| state.family.id).collect();
        ids.sort_unstable();
        ids
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

/// What stands for a token that was encrypted; of any bytes, and of several lengths.
pub(super) fn successor(next: &SecretDigest) -> Vec<u8> {
    let bytes = next.as_bytes();
    bytes.repeat(1 + usize::from(bytes[0] % 4))
}

/// Whether two states are the same in all that a store keeps.
pub(super) fn same(left: &FamilyState, right: &FamilyState) -> bool {
    let used = |state: &FamilyState| {
        let used = state.used.as_ref();
        used.map(|used| {
            let digest = *used.digest.as_bytes();
            (digest, used.at, used.replays, used.successor.clone())
        })
    };
    left.family.id == right.family.id
        && left.family.encode() == right.family.encode()
        && left.current == right.current
        && left.expires_at == right.expires_at
        && left.reused == right.reused
        && used(left) == used(right)
}
