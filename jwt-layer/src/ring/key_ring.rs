//! The ring itself.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwapOption;
use auth_layer::AuthError;
use tokio::sync::Mutex;

use super::builder::Options;
use super::look::{Looks, look};
use super::snapshot::{RingKey, Snapshot};
use super::upkeep::{self, Change};
use super::{KeyRingBuilder, SharedSigningKeyStore, SigningKeyStore};
use crate::{Algorithm, KeyLookup, KeySource, VerifyingKey, WantedKey};

/// The keys that an [`Issuer`](crate::Issuer) signs with, kept in a store that nodes share, and
/// replaced without a token being refused.
///
/// ```
/// # #[cfg(feature = "aws-lc")] {
/// use auth_layer::SealingKeys;
/// use jwt_layer::{Algorithm, Issuer, KeyRing, MemorySigningKeys};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let secret = [7; 32]; // from your configuration; `openssl rand -base64 32` makes one
/// let store = MemorySigningKeys::new(); // yours: in Redis, or in a database
/// let ring = KeyRing::builder(Algorithm::Es256, store)
///     .sealed_with(SealingKeys::new(&secret)?)
///     .open()
///     .await?;
/// tokio::spawn(ring.run());
/// let issuer = Issuer::builder("https://id.example.com", "https://api.example.com", ring).build()?;
/// # let _ = issuer;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # The life of a key
///
/// 1. *Announced.* [`rotate`](Self::rotate), or the schedule, has made it. It is published and
///    verifies, and does not sign yet: those who verify with a copy of the JWKS document learn of it
///    first ([`publish_ahead`](KeyRingBuilder::publish_ahead)).
/// 2. *Current.* It signs.
/// 3. *Previous.* It has stopped signing when the next began, and never signs again. It is published and
///    verifies until the last token that it signed has ended
///    ([`token_lifetime`](KeyRingBuilder::token_lifetime) and 5 minutes).
/// 4. It is deleted, the private key too, by the next [`update`](Self::update).
///
/// All times are written down when the next key is made, so that nodes change over together without
/// asking. A key that is not trusted any more leaves all of that: [`revoke_key`](Self::revoke_key).
///
/// # Several nodes
///
/// A node learns of what others did by [`run`](Self::run), and at once when a token comes with a key
/// that it does not know (at most once a second, however many come: a token with an unknown key waits
/// for the next look, and 1,024 of them at a time; more are answered 503). While the store is down, it
/// goes on with the keys it holds: the current one signs, and previous ones end, by the times that were
/// written down. Only new keys have to wait. A node that is cut off for longer than the lifetime of
/// tokens while others rotate signs with a key that these no longer accept.
///
/// If the store loses the ring, or goes back to an older one, the next node that looks puts back what it
/// holds. After the store was restored from a backup while no node ran, take out again what was taken
/// out since ([`revoke_key`](Self::revoke_key)).
///
/// All nodes need the same options. Their clocks may differ by 5 minutes.
///
/// Cheap to clone.
#[derive(Clone)]
pub struct KeyRing {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) options: Options,
    /// `None` only until the ring is open.
    pub(super) snapshot: ArcSwapOption<Snapshot>,
    /// Held while the store is asked, so that no older answer comes after a newer.
    pub(super) turn: Mutex<()>,
    pub(super) looks: Looks,
}

/// A key of a [`KeyRing`], as it is at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyStatus {
    /// The id: the thumbprint of the public key (RFC 7638).
    pub kid: String,
    /// The algorithm.
    pub algorithm: Algorithm,
    /// Whether it signs now. Of all keys one does.
    pub is_signing: bool,
    /// From when it signs, or signed.
    pub signs_from: SystemTime,
    /// When it stops signing, or stopped; `None` while it has no successor.
    pub signs_until: Option<SystemTime>,
    /// When it is deleted; `None` while it has no successor.
    pub ends: Option<SystemTime>,
}

impl KeyRing {
    /// Starts to open a ring whose new keys are for `algorithm`. Keys that `store` has already keep
    /// theirs.
    pub fn builder(algorithm: Algorithm, store: impl SigningKeyStore) -> KeyRingBuilder {
        KeyRingBuilder::new(algorithm, SharedSigningKeyStore::new(store))
    }

    pub(super) fn new(options: Options) -> Self {
        Self {
            inner: Arc::new(Inner {
                options,
                snapshot: ArcSwapOption::empty(),
                turn: Mutex::new(()),
                looks: Looks::new(),
            }),
        }
    }

    /// Makes the first key, or loads what there is.
    pub(super) async fn first(&self) -> Result<(), AuthError> {
        self.change(Change::Nothing).await.map(drop)
    }

    /// Takes over what other nodes have done, announces the next key if it is time for it, and deletes
    /// keys that have ended.
    ///
    /// [`run`](Self::run) calls it again and again. Like the other methods that ask the store, it is
    /// carried to its end when its future is dropped.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be asked, or holds what cannot be read; the ring goes on with the keys
    /// it holds.
    pub async fn update(&self) -> Result<(), AuthError> {
        self.change(Change::IfDue).await.map(drop)
    }

    /// Makes the next key. It signs after [`publish_ahead`](KeyRingBuilder::publish_ahead).
    ///
    /// Does nothing if a next key is announced already, or if another node has rotated since this one
    /// looked: nodes that rotate at the same moment make one key.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be asked; the ring may have been rotated or not, and calling again
    /// makes no second key.
    pub async fn rotate(&self) -> Result<(), AuthError> {
        let newest = self.snapshot().document.newest().map(Box::from);
        self.change(Change::Rotate(newest)).await.map(drop)
    }

    /// Takes a key out that is not trusted any more: tokens that it signed are refused, on this node
    /// at once, on others when they look next ([`refresh_every`](KeyRingBuilder::refresh_every)), and
    /// elsewhere when the copy of the JWKS document is renewed. If it was the one that signs, the
    /// next begins at once, announced or not. Returns whether there was such a key.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be asked. The key may have been taken out or not: call again.
    pub async fn revoke_key(&self, kid: &str) -> Result<bool, AuthError> {
        self.change(Change::Revoke(kid.into())).await
    }

    /// Calls [`update`](Self::update) every [`refresh_every`](KeyRingBuilder::refresh_every), give or
    /// take a fifth. Spawn it; it ends by itself when nobody has the ring any more.
    ///
    /// What fails is told as an event.
    pub fn run(&self) -> impl Future<Output = ()> + Send + use<> {
        upkeep::run(
            Arc::downgrade(&self.inner),
            self.inner.options.refresh_every,
        )
    }

    /// The public keys, as a JWKS document to publish: announced, current and previous ones.
    #[must_use]
    pub fn jwks(&self) -> Arc<str> {
        let snapshot = self.snapshot();
        let now = self.inner.now();
        if snapshot.next_end.is_some_and(|end| end <= now) {
            // What has ended is not published, though nobody has deleted it yet.
            let mut document = snapshot.document.clone();
            document.delete_ended(now);
            if let Ok(without) = Snapshot::new(document, Some(&snapshot)) {
                return without.jwks;
            }
        }
        Arc::clone(&snapshot.jwks)
    }

    /// The keys and what they do now, in the order in which they sign.
    #[must_use]
    pub fn keys(&self) -> Vec<KeyStatus> {
        let snapshot = self.snapshot();
        let now = self.inner.now();
        let signing = snapshot.signing(now).map(Arc::as_ptr);
        let living = snapshot.each().filter(|(one, _)| !one.has_ended(now));
        let status = living.map(|(schedule, key)| KeyStatus {
            kid: key.signing.kid().unwrap_or_default().to_owned(),
            algorithm: key.signing.algorithm(),
            is_signing: signing.is_some_and(|signing| std::ptr::eq(signing, key)),
            signs_from: time(schedule.from),
            signs_until: schedule.until.map(time),
            ends: schedule.ends.map(time),
        });
        status.collect()
    }

    /// The algorithms that verifiers have to accept.
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        let mut algorithms = vec![self.inner.options.algorithm];
        for (_, key) in self.snapshot().each() {
            if !algorithms.contains(&key.signing.algorithm()) {
                algorithms.push(key.signing.algorithm());
            }
        }
        algorithms
    }

    /// The longest that a token may live.
    pub(crate) fn token_lifetime(&self) -> Duration {
        self.inner.options.token_lifetime
    }

    /// For how long others may keep the JWKS document.
    pub(crate) fn publish_ahead(&self) -> Duration {
        self.inner.options.publish_ahead
    }

    /// The key that signs now. No lock is taken.
    pub(crate) fn signing(&self, now: SystemTime) -> Result<Arc<RingKey>, AuthError> {
        let snapshot = self.inner.snapshot.load();
        let key = snapshot.as_ref().and_then(|it| it.signing(millis(now)));
        key.cloned()
            .ok_or_else(|| AuthError::unavailable("no_signing_key"))
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        let snapshot = self.inner.snapshot.load_full();
        snapshot.expect("a ring is handed out when it is open, and keeps what it has")
    }
}

impl Inner {
    pub(super) fn now(&self) -> u64 {
        millis(self.options.clock.now())
    }

    /// The key that a token names, if it is here and has not ended.
    pub(super) fn held(&self, wanted: &WantedKey<'_>) -> Option<Arc<VerifyingKey>> {
        let snapshot = self.snapshot.load();
        let snapshot = snapshot.as_ref()?;
        let key = snapshot.verifying(wanted.kid?, wanted.algorithm, || self.now());
        key.cloned()
    }
}

/// The tokens of a ring always name their key.
impl KeySource for KeyRing {
    fn find(&self, wanted: &WantedKey<'_>) -> KeyLookup {
        if wanted.kid.is_none() {
            return KeyLookup::Unknown;
        }
        let held = self.inner.held(wanted).map(KeyLookup::Found);
        held.unwrap_or_else(|| self.inner.looks.lookup())
    }

    async fn refresh(&self, wanted: &WantedKey<'_>) -> Result<(), AuthError> {
        look(&self.inner, wanted).await
    }
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn time(millis: u64) -> SystemTime {
    let time = UNIX_EPOCH.checked_add(Duration::from_millis(millis));
    time.unwrap_or(UNIX_EPOCH)
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing")
            .field("name", &self.inner.options.name)
            .field("keys", &self.inner.snapshot.load())
            .finish_non_exhaustive()
    }
}
