//! From a key to an identity: at once where the store answers at once.

use std::sync::Arc;
use std::time::SystemTime;

use auth_layer::{
    AuthError, AuthErrorKind, Event, EventKind, Identity, IdentityBuilder, SecretDigest, Verdict,
    VerifyFuture,
};

use super::failures::Stake;
use super::{Inner, KeyQuota, PresentedKey, SupersededKey};
use crate::store::{ApiKeyStore, Lookup};
use crate::{KeyOwners as _, KeyRecord, OwnerAuthority};

/// A good key: its record, and until when if its secret has been replaced.
struct Good {
    record: Arc<KeyRecord>,
    superseded: Option<SupersededKey>,
}

/// A good key, and what its owner may do if that is asked.
type Checked = (Good, Option<OwnerAuthority>);

/// Checks a key if the store and the owners answer at once, and nothing has to be counted. All of that
/// is asked before anything is judged: a good key is judged once.
pub(super) fn now(inner: &Inner, key: PresentedKey) -> Verdict<PresentedKey> {
    let found = match inner.store.find_now(&key.id) {
        Lookup::Found(record) => Some(record),
        Lookup::Missing => None,
        Lookup::Wait => return Verdict::Wait(key),
    };
    let is_counted = |record: &Arc<KeyRecord>| !record.limits().is_empty();
    if found.as_ref().is_some_and(is_counted) {
        return Verdict::Wait(key);
    }
    let authority = match (&inner.owners, &found) {
        (Some(owners), Some(record)) => match owners.authority_now(record.owner()) {
            Lookup::Found(authority) => Ok(Some(authority)),
            // It costs, and that is waited for.
            Lookup::Missing if inner.failures.is_some() => return Verdict::Wait(key),
            Lookup::Missing => Err(owner_gone()),
            Lookup::Wait => return Verdict::Wait(key),
        },
        _ => Ok(None),
    };
    match inner.judge(&key, found) {
        Err(_) if inner.failures.is_some() => Verdict::Wait(key),
        good => {
            let issuer = inner.own_issuer.as_ref();
            let good = good.and_then(|good| Ok(good.identity(issuer, authority?.as_ref(), None)));
            Verdict::Now(good)
        }
    }
}

pub(super) fn start(inner: &Arc<Inner>, key: PresentedKey) -> VerifyFuture {
    match now(inner, key) {
        Verdict::Now(result) => VerifyFuture::ready(result),
        Verdict::Wait(key) => VerifyFuture::waiting(Arc::clone(inner).look_up(key)),
    }
}

impl Inner {
    async fn look_up(self: Arc<Self>, key: PresentedKey) -> Result<Identity, AuthError> {
        let (good, authority) = self.find_good(&key).await?;
        match self.charge(&good.record, key.cost).await {
            Ok(quota) => Ok(good.identity(self.own_issuer.as_ref(), authority.as_ref(), quota)),
            Err(error) => Err(match good.superseded {
                Some(old) => error.with_headers(self.superseded(old, good.record.expires_at())),
                None => error,
            }),
        }
    }

    /// Looks a key up, judges it, and asks for its owner. Where there is a limit of bad keys, a look-up
    /// is paid for before it is made, and costs nothing if the key is good; a key that is known to be
    /// bad costs too.
    async fn find_good(&self, key: &PresentedKey) -> Result<Checked, AuthError> {
        let known = match self.store.find_now(&key.id) {
            Lookup::Found(record) => Some(record),
            Lookup::Missing => None,
            Lookup::Wait => {
                let stake = self.stake(key).await?;
                let checked = match self.store.find_recent(&key.id).await {
                    Ok(found) => self.check_owned(key, found).await,
                    Err(error) => Err(could_not_ask(error)),
                };
                return self.settle(key, stake, checked).await;
            }
        };
        let checked = self.check_owned(key, known).await;
        self.settle(key, Stake::None, checked).await
    }

    /// The key first: what is wrong with it comes before what is wrong with its owner.
    async fn check_owned(
        &self,
        key: &PresentedKey,
        found: Option<Arc<KeyRecord>>,
    ) -> Result<Checked, AuthError> {
        let good = self.judge(key, found)?;
        let authority = match &self.owners {
            Some(owners) => {
                let authority = owners.authority(good.record.owner()).await;
                let authority = authority.map_err(could_not_ask)?;
                Some(authority.ok_or_else(owner_gone)?)
            }
            None => None,
        };
        Ok((good, authority))
    }

    /// The comparison comes first and is always made: how long a refusal takes tells nothing of a
    /// key that somebody only guessed.
    fn judge(&self, key: &PresentedKey, found: Option<Arc<KeyRecord>>) -> Result<Good, AuthError> {
        const NO_DIGEST: SecretDigest = SecretDigest::from_bytes([0; 32]);

        let record = found.as_deref();
        let previous = record.and_then(KeyRecord::previous);
        let sent = key.digest;
        let current = sent == record.map_or(NO_DIGEST, KeyRecord::digest);
        let old = sent == previous.map_or(NO_DIGEST, |previous| previous.digest);

        let Some(record) = found else {
            return Err(AuthError::invalid("unknown_key"));
        };
        // Most keys have no end, and the clock has not to be asked.
        let now = || self.clock.now();
        let superseded = match previous {
            _ if current => None,
            Some(previous) if old && previous.is_good(now) => Some(SupersededKey {
                replaced_at: previous.replaced_at,
                valid_until: previous.valid_until,
            }),
            Some(_) if old => return Err(expired("replaced_secret")),
            _ => return Err(AuthError::invalid("wrong_secret")),
        };
        check(&record, key, now)?;
        self.mark_used(record.id());
        let good = Good { record, superseded };
        if superseded.is_some() {
            self.tell_superseded(&good, key);
        }
        Ok(good)
    }

    #[cold]
    fn tell_superseded(&self, good: &Good, key: &PresentedKey) {
        let identity = good.principal(self.own_issuer.as_ref()).build();
        let mut event = Event::new(EventKind::SupersededKeyUsed)
            .with_identity(&identity)
            .with_reason("replaced_secret_used")
            .with_object_id(good.record.id().as_str());
        event.address = key.client.ip();
        self.events.record(&event);
    }
}

/// Everything but the secret.
fn check(
    record: &KeyRecord,
    key: &PresentedKey,
    now: impl FnOnce() -> SystemTime,
) -> Result<(), AuthError> {
    let revoked = |reason| Err(AuthError::new(AuthErrorKind::Revoked, reason));
    if record.revoked_at().is_some() {
        return revoked("key_revoked");
    }
    if record.is_disabled() {
        return revoked("key_disabled");
    }
    if record.expires_at().is_some_and(|end| now() >= end) {
        return Err(expired("key_expired"));
    }
    if !record.allowed_cidrs().is_empty() {
        // An address that is not known is in no network.
        let address = key.client.ip();
        let address = address.ok_or_else(|| AuthError::invalid("address_unknown"))?;
        let mut networks = record.allowed_cidrs().iter();
        if !networks.any(|network| network.contains(&address)) {
            return Err(AuthError::invalid("address_not_allowed"));
        }
    }
    let origins = record.allowed_origins();
    if !origins.is_empty() && !key.is_from(origins) {
        return Err(AuthError::invalid("origin_not_allowed"));
    }
    Ok(())
}

fn expired(reason: &'static str) -> AuthError {
    AuthError::new(AuthErrorKind::Expired, reason)
}

impl Good {
    /// Who it is, with what the record says, cut down to what the owner may do.
    fn identity(
        &self,
        own_issuer: Option<&Arc<str>>,
        authority: Option<&OwnerAuthority>,
        quota: Option<KeyQuota>,
    ) -> Identity {
        let (record, identity) = (&*self.record, self.principal(own_issuer));
        let identity = match authority {
            Some(authority) => identity
                .scopes(authority.scopes_of(record))
                .shared_roles(authority.roles_of(record)),
            None => identity
                .scopes(record.scopes().clone())
                .shared_roles(record.grant().roles().clone()),
        };
        match quota {
            Some(quota) => identity.extra(quota).build(),
            None => identity.build(),
        }
    }

    fn principal(&self, own_issuer: Option<&Arc<str>>) -> IdentityBuilder {
        let record = &*self.record;
        let mut identity = record.grant().principal("api-key").key_id(record.id());
        if let Some(issuer) = own_issuer.filter(|_| record.owner().issuer.is_none()) {
            identity = identity.issuer(Arc::clone(issuer));
        }
        let end = self.superseded.map(|superseded| superseded.valid_until);
        if let Some(end) = record.expires_at().into_iter().chain(end).min() {
            identity = identity.expires_at(end);
        }
        match self.superseded {
            Some(superseded) => identity.extra(superseded),
            None => identity,
        }
    }
}

#[cold]
fn owner_gone() -> AuthError {
    AuthError::new(AuthErrorKind::Revoked, "owner_gone")
}

/// Whatever a store fails with, it is not the key's fault.
fn could_not_ask(error: AuthError) -> AuthError {
    if error.kind() == AuthErrorKind::Unavailable {
        return error;
    }
    AuthError::unavailable("could_not_check").with_source(error)
}
