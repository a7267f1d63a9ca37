//! A store on trial, and keys to try it with.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use apikey_layer::{ApiKeyStore, DisabledBy, Inserted, KeyId, KeyRecord, Lookup, Owner, Rotation};
use auth_layer::SecretDigest;

use super::SEEN;
use crate::contract::{answer, check, random, this_second, unique};

/// A limit that is never reached.
pub(super) const ROOM: usize = 1_000;

const GONE: &str = "contract broken: \"A change that returned `Ok` is seen\": a key is gone";

pub(super) struct Trial<S> {
    pub(super) store: Arc<S>,
    start: SystemTime,
}

impl<S: ApiKeyStore> Trial<S> {
    pub(super) fn new(store: S) -> Self {
        Self {
            store: Arc::new(store),
            start: this_second(),
        }
    }

    pub(super) fn at(&self, seconds: u64) -> SystemTime {
        self.start + Duration::from_secs(seconds)
    }

    /// A key with everything that a key may have.
    pub(super) fn record(&self, owner: &Owner) -> KeyRecord {
        self.named(key_id("k"), owner, self.start)
    }

    /// As [`record`](Self::record), with this id and made at this time.
    pub(super) fn named(&self, id: KeyId, owner: &Owner, created_at: SystemTime) -> KeyRecord {
        KeyRecord::new(id, digest(), owner.clone(), created_at)
            .with_name("Deployment, \u{fc}ber Nacht")
            .with_scopes("reports:read reports:write".parse().expect("scopes"))
            .with_roles(["editor", "admin"])
            .with_allowed_cidrs(
                ["10.0.0.0/8", "2001:db8::/32"].map(|network| network.parse().expect("a network")),
            )
            .with_allowed_origins(
                ["https://app.example", "http://localhost:3000"]
                    .map(|origin| origin.parse().expect("an origin")),
            )
            .with_limits(["100/m", "10000/30d"].map(|rate| rate.parse().expect("a rate")))
            .with_expires_at(self.at(3_600))
    }

    /// Inserts a key and returns it.
    pub(super) async fn inserted(&self, owner: &Owner) -> KeyRecord {
        let record = self.record(owner);
        let inserted = answer(self.store.insert(record.clone(), ROOM).await);
        check!(
            "insert: Keeps a new key",
            inserted == Inserted::Done,
            "{inserted:?} for a new id"
        );
        record
    }

    /// What all ways to ask answer.
    pub(super) async fn find(&self, id: &KeyId) -> Option<Arc<KeyRecord>> {
        // First, so that it answers from what was remembered before this question.
        let recent = answer(self.store.find_recent(id).await);
        let found = self.found_amid(id).await;
        let agree = match (&recent, &found) {
            (Some(recent), Some(found)) => same_but_use(recent, found),
            (None, None) => true,
            _ => false,
        };
        check!(
            "find_recent: The answer of `find`",
            agree,
            "{recent:?}, and find says {found:?}"
        );
        found
    }

    /// As [`find`](Self::find), while others change the key: between two questions it may have changed.
    pub(super) async fn found_amid(&self, id: &KeyId) -> Option<Arc<KeyRecord>> {
        let at_once = self.store.find_now(id);
        let found = answer(self.store.find(id).await);
        let agree = match (&at_once, &found) {
            (Lookup::Found(at_once), Some(found)) => same_but_use(at_once, found),
            (Lookup::Missing, None) | (Lookup::Wait, _) => true,
            _ => false,
        };
        check!(
            "find_now: The answer of `find`",
            agree,
            "{at_once:?}, and find says {found:?}"
        );
        found
    }

    /// The record of a key that must be there.
    pub(super) async fn stored(&self, id: &KeyId) -> Arc<KeyRecord> {
        self.find(id).await.expect(GONE)
    }

    /// As [`stored`](Self::stored), while others change the key.
    pub(super) async fn stored_amid(&self, id: &KeyId) -> Arc<KeyRecord> {
        self.found_amid(id).await.expect(GONE)
    }

    pub(super) async fn expect(&self, expected: &KeyRecord, then: &str) {
        let found = self.stored(expected.id()).await;
        check!(
            SEEN,
            same(&found, expected),
            "after {then}: {found:?} instead of {expected:?}"
        );
    }

    pub(super) fn rotation(&self, record: &KeyRecord) -> Rotation {
        Rotation::new(record.digest(), digest(), self.at(2), self.at(600))
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

/// Somebody who has no keys yet.
pub(super) fn owner() -> Owner {
    let mut owner = Owner::new(unique("owner"));
    owner.issuer = Some("https://id.example".to_owned());
    owner.tenant = Some("tenant".to_owned());
    owner
}

/// A random id that begins with `first`.
pub(super) fn key_id(first: &str) -> KeyId {
    let number = u64::from_be_bytes(random());
    let text = format!("{first}{number:016x}");
    text[..12].parse().expect("letters and digits")
}

pub(super) fn digest() -> SecretDigest {
    SecretDigest::from_bytes(random())
}

/// As [`same`], but for when the key was last used: what is remembered need not know of every use.
fn same_but_use(left: &KeyRecord, right: &KeyRecord) -> bool {
    let [left, right] = [left, right].map(|record| record.clone().with_last_used_at(None));
    same(&left, &right)
}

/// Whether two records are the same in all parts.
pub(super) fn same(left: &KeyRecord, right: &KeyRecord) -> bool {
    let roles = |record: &KeyRecord| {
        let mut roles: Vec<_> = record.roles().map(str::to_owned).collect();
        roles.sort_unstable();
        roles
    };
    let switches = |record: &KeyRecord| {
        [DisabledBy::Owner, DisabledBy::Operator].map(|by| record.is_disabled_by(by))
    };
    left.id() == right.id()
        && left.digest() == right.digest()
        && left.previous() == right.previous()
        && left.owner() == right.owner()
        && left.name() == right.name()
        && left.scopes() == right.scopes()
        && roles(left) == roles(right)
        && left.allowed_cidrs() == right.allowed_cidrs()
        && left.allowed_origins() == right.allowed_origins()
        && left.limits() == right.limits()
        && left.created_at() == right.created_at()
        && left.expires_at() == right.expires_at()
        && left.revoked_at() == right.revoked_at()
        && left.last_used_at() == right.last_used_at()
        && switches(left) == switches(right)
}
