//! Making, listing, rotating and revoking keys: [`KeyRegistry`].

mod error;
mod leaked;
mod new_key;
mod page;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use auth_layer::{
    AuthError, AuthErrorKind, ConfigError, Event, EventKind, Events, Identity, Needed, ScopeSet,
    SealingKeys, SharedClock, check_duration,
};

pub use self::error::KeyError;
pub use self::new_key::{CreatedKey, NewKey};
use self::page::Cursors;
pub use self::page::{KeyCursor, KeyPage};
use crate::store::ApiKeyStore;
use crate::{
    DisabledBy, Inserted, KeyFormat, KeyId, KeyRecord, Owner, Rotated, Rotation, SharedApiKeyStore,
};

/// The longest that a replaced secret may stay good.
const MAX_OVERLAP: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// How many keys one page of a list has at most.
const MAX_PAGE: usize = 100;

/// How many keys one owner may have, unless it is said.
const MAX_KEYS: usize = 1_000;

type Grantable = dyn Fn(&Identity) -> ScopeSet + Send + Sync;

/// Lets users manage their own keys.
///
/// The owner of a key is the [`Identity`] that asks, and nothing that a client writes into a body
/// can change that. Keys of others are answered as keys that do not exist. Keys cannot make,
/// rotate or revoke keys: an identity of the scheme `api-key` is refused.
///
/// Cheap to clone.
///
/// ```
/// use std::sync::Arc;
///
/// use apikey_layer::{KeyFormat, KeyRegistry, MemoryApiKeys, NewKey};
/// use auth_layer::Identity;
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let registry = KeyRegistry::new(KeyFormat::live("sk")?, Arc::new(MemoryApiKeys::new()));
/// let ann = Identity::new("session", "ann");
///
/// let created = registry.create(&ann, NewKey::new("deployment")).await?;
/// println!("keep it safe, it is shown this once: {}", created.key.expose());
/// registry.revoke(&ann, created.key.id()).await?;
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct KeyRegistry {
    format: KeyFormat,
    store: SharedApiKeyStore,
    clock: SharedClock,
    events: Events,
    grantable: Option<Arc<Grantable>>,
    max_keys: usize,
    cursors: Cursors,
    own_issuer: Option<Arc<str>>,
}

impl KeyRegistry {
    /// Makes keys of `format` and keeps them in `store`: one store for each format. In a store that test
    /// and live keys share, or the keys of two services, a scheme of either format judges what the
    /// registry of the other has made or changed.
    #[must_use]
    pub fn new(format: KeyFormat, store: impl Into<SharedApiKeyStore>) -> Self {
        Self {
            format,
            store: store.into(),
            clock: SharedClock::system(),
            events: Events::default(),
            grantable: None,
            max_keys: MAX_KEYS,
            cursors: Cursors::random(),
            own_issuer: None,
        }
    }

    /// The clock. Default: the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Into<SharedClock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// Where events go. Default: `tracing`, if that feature of auth-layer is on.
    #[must_use]
    pub fn events(mut self, events: Events) -> Self {
        self.events = events;
        self
    }

    /// How many keys one owner may have in use. Default: 1,000.
    ///
    /// Those that are revoked or expired are not counted, so this does not bound how many an owner can
    /// make and revoke, nor what they take in the store while ended keys are kept. For that limit the
    /// rate of the requests that call [`create`](Self::create).
    #[must_use]
    pub fn max_keys(mut self, keys: usize) -> Self {
        self.max_keys = keys;
        self
    }

    /// The keys that seal the cursors of lists. Default: random ones that clones of this registry
    /// share, so that cursors end with the process. Where several nodes answer, or cursors are to
    /// outlive a restart, give all of them the same.
    #[must_use]
    pub fn cursor_keys(mut self, keys: SealingKeys) -> Self {
        self.cursors = Cursors::with(keys);
        self
    }

    /// The issuer of this service's own users. Their keys are kept without an issuer, so that they
    /// outlive a change of its name; an identity without an issuer is one of them. Default: none, and
    /// keys are kept with whatever issuer the identity has.
    ///
    /// Say the same to the scheme: [`ApiKeys::own_issuer`](crate::ApiKeys::own_issuer).
    #[must_use]
    pub fn own_issuer(mut self, issuer: impl Into<Arc<str>>) -> Self {
        self.own_issuer = Some(issuer.into());
        self
    }

    /// Whose the keys are that an identity makes: for [`revoke_all`](Self::revoke_all).
    #[must_use]
    pub fn owner(&self, identity: &Identity) -> Owner {
        let mut owner = Owner::of(identity);
        if owner.issuer.as_deref() == self.own_issuer.as_deref() {
            owner.issuer = None;
        }
        owner
    }

    /// Which scopes a principal may give to a key. Default: those of the identity itself.
    #[must_use]
    pub fn grantable_scopes(
        mut self,
        grantable: impl Fn(&Identity) -> ScopeSet + Send + Sync + 'static,
    ) -> Self {
        self.grantable = Some(Arc::new(grantable));
        self
    }

    /// Makes a key that belongs to `owner`.
    ///
    /// # Errors
    ///
    /// Refuses scopes and roles that the owner has not, an impossible name or lifetime, and keys as
    /// owners. [`KeyError::Full`] if the owner has too many. Fails if the store cannot be written to.
    pub async fn create(&self, owner: &Identity, new: NewKey) -> Result<CreatedKey, KeyError> {
        refuse_keys(owner)?;
        new.check()?;
        self.check_authority(owner, &new.scopes, new.roles.iter().map(String::as_str))?;
        let now = self.clock.now();
        let expires_at = new.expires_in.map(|lifetime| now + lifetime);

        // Ids are random: that one is taken is next to impossible, twice is a broken store.
        for _ in 0..2 {
            let key = self.format.generate().map_err(KeyError::Unavailable)?;
            let record = KeyRecord::new(*key.id(), key.digest(), self.owner(owner), now)
                .with_name(new.name.as_str())
                .with_scopes(new.scopes.clone())
                .with_roles(new.roles.iter().map(String::as_str))
                .with_allowed_cidrs(new.allowed_cidrs.iter().copied())
                .with_allowed_origins(new.allowed_origins.iter().cloned())
                .with_limits(new.limits.iter().copied())
                .with_expires_at(expires_at);
            let inserted = self.store.insert(record.clone(), self.max_keys).await;
            match inserted.map_err(KeyError::Unavailable)? {
                Inserted::Done => {
                    self.record(EventKind::KeyCreated, owner, key.id(), None);
                    return Ok(CreatedKey { key, record });
                }
                Inserted::Full => return Err(KeyError::Full),
                Inserted::Taken => {}
            }
        }
        Err(KeyError::Conflict)
    }

    /// A page of the keys of `owner`, in the order of their ids; revoked and expired ones too.
    ///
    /// The first page without a cursor, each further one with that of the page before, as the client
    /// hands it back. A page has at most `limit` keys, and at most 100. Keys that come or go between
    /// two pages move none of the others to another page.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use apikey_layer::{KeyCursor, KeyError, KeyRecord, KeyRegistry};
    /// # use auth_layer::Identity;
    /// async fn all(keys: &KeyRegistry, owner: &Identity) -> Result<Vec<Arc<KeyRecord>>, KeyError> {
    ///     let (mut all, mut next) = (Vec::new(), None::<KeyCursor>);
    ///     loop {
    ///         let page = keys.list(owner, next.as_ref().map(KeyCursor::as_str), 100).await?;
    ///         all.extend(page.keys);
    ///         match page.next {
    ///             Some(cursor) => next = Some(cursor),
    ///             None => return Ok(all),
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`KeyError::Invalid`] for a `limit` of 0, and for a `cursor` that is not one of this owner and
    /// this registry; see [`cursor_keys`](Self::cursor_keys). Refuses keys as owners. Fails if the
    /// store cannot be asked.
    pub async fn list(
        &self,
        owner: &Identity,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<KeyPage, KeyError> {
        refuse_keys(owner)?;
        if limit == 0 {
            return Err(KeyError::Invalid(ConfigError::new(
                "limit",
                "must be at least 1",
            )));
        }
        let limit = limit.min(MAX_PAGE);
        let after = cursor
            .map(|cursor| self.cursors.read(cursor, owner, &self.format))
            .transpose()?;
        // One more says whether there is another page.
        let subject = self.owner(owner);
        let listed = self.store.list(&subject, after.as_ref(), limit + 1).await;
        let mut keys = listed.map_err(KeyError::Unavailable)?;
        let is_last = keys.len() <= limit;
        keys.truncate(limit);
        let next = match keys.last().filter(|_| !is_last) {
            Some(last) => {
                let next = self.cursors.after(last.id(), owner, &self.format);
                Some(next.map_err(KeyError::Unavailable)?)
            }
            None => None,
        };
        Ok(KeyPage { keys, next })
    }

    /// One key of `owner`.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotFound`] for a key that does not exist or belongs to somebody else. Refuses
    /// keys as owners. Fails if the store cannot be asked.
    pub async fn get(&self, owner: &Identity, id: &KeyId) -> Result<Arc<KeyRecord>, KeyError> {
        refuse_keys(owner)?;
        let found = self.store.find(id).await.map_err(KeyError::Unavailable)?;
        found
            .filter(|record| *record.owner() == self.owner(owner))
            .ok_or(KeyError::NotFound)
    }

    /// Gives a key a new secret. Its id stays; the old secret is good for `overlap` yet, which may
    /// be zero. A secret that an earlier rotation left good ends at once.
    ///
    /// Whoever gets the secret gets what the key may do, so the owner must have all of it now, as for
    /// [`create`](Self::create): a token with fewer scopes does not come by a key with more.
    ///
    /// After a [`KeyError::Conflict`] or [`KeyError::Unavailable`] the rotation may have taken effect
    /// although nobody was told the new secret: list the keys, and rotate again.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotFound`] for a key that does not exist or belongs to somebody else;
    /// [`KeyError::Conflict`] if it is revoked, expired, or was rotated at the same time. Refuses a
    /// key with scopes or roles that the owner has not, an overlap above 90 days, and keys as owners. Fails if the store cannot be written to.
    pub async fn rotate(
        &self,
        owner: &Identity,
        id: &KeyId,
        overlap: Duration,
    ) -> Result<CreatedKey, KeyError> {
        if overlap > MAX_OVERLAP {
            let problem = "must be at most 90 days";
            return Err(KeyError::Invalid(ConfigError::new("overlap", problem)));
        }
        let record = self.get(owner, id).await?;
        self.check_record(owner, &record)?;
        let now = self.clock.now();
        if record.revoked_at().is_some() || record.expires_at().is_some_and(|end| now >= end) {
            return Err(KeyError::Conflict);
        }
        let key = self
            .format
            .generate_for(*id)
            .map_err(KeyError::Unavailable)?;
        let rotation = Rotation::new(record.digest(), key.digest(), now, now + overlap);
        let rotated = self.store.rotate(id, &rotation).await;
        match rotated.map_err(KeyError::Unavailable)? {
            Rotated::Done => {}
            Rotated::NotFound => return Err(KeyError::NotFound),
            Rotated::Changed | Rotated::Revoked => return Err(KeyError::Conflict),
        }
        self.record(EventKind::KeyRotated, owner, id, None);
        // Not read again: the secret exists here only, and a store that fails now would lose it.
        let record = KeyRecord::clone(&record)
            .with_previous(rotation.previous())
            .with_digest(rotation.digest);
        Ok(CreatedKey { key, record })
    }

    /// Revokes a key for good, with every secret it has. Revoking it again changes nothing.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotFound`] for a key that does not exist or belongs to somebody else. Refuses
    /// keys as owners. Fails if the store cannot be written to.
    pub async fn revoke(&self, owner: &Identity, id: &KeyId) -> Result<(), KeyError> {
        let record = self.get(owner, id).await?;
        let now = self.clock.now();
        if !self
            .store
            .revoke(id, now)
            .await
            .map_err(KeyError::Unavailable)?
        {
            return Err(KeyError::NotFound);
        }
        if record.revoked_at().is_none() {
            self.record(EventKind::Revoked, owner, id, Some("key"));
        }
        Ok(())
    }

    /// Switches a key off, or on again, as its owner. What an operator has switched off stays off.
    ///
    /// # Errors
    ///
    /// As [`revoke`](Self::revoke). Refuses to switch on a key with scopes or roles that the owner
    /// has not.
    pub async fn set_disabled(
        &self,
        owner: &Identity,
        id: &KeyId,
        disabled: bool,
    ) -> Result<(), KeyError> {
        let record = self.get(owner, id).await?;
        if !disabled {
            self.check_record(owner, &record)?;
        }
        self.switch(id, DisabledBy::Owner, disabled).await?;
        self.record(switched(disabled), owner, id, Some("by_owner"));
        Ok(())
    }

    /// Switches a key off, or on again, as an operator of the service: its owner cannot undo it. For
    /// the program itself; nobody's identity is asked for.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotFound`] for a key that does not exist. Fails if the store cannot be written to.
    pub async fn set_disabled_by_operator(
        &self,
        id: &KeyId,
        disabled: bool,
    ) -> Result<(), KeyError> {
        self.switch(id, DisabledBy::Operator, disabled).await?;
        self.events.record(
            &Event::new(switched(disabled))
                .with_scheme("api-key")
                .with_reason("by_operator")
                .with_object_id(id.as_str()),
        );
        Ok(())
    }

    async fn switch(&self, id: &KeyId, by: DisabledBy, disabled: bool) -> Result<(), KeyError> {
        let changed = self.store.set_disabled(id, by, disabled).await;
        if changed.map_err(KeyError::Unavailable)? {
            Ok(())
        } else {
            Err(KeyError::NotFound)
        }
    }

    /// Revokes every key of an owner: for when a user is disabled, or changes the password and wants
    /// everything ended. For the program itself; nobody's identity is asked for. It also ends keys whose
    /// records cannot be read, such as those that a newer version has made.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be written to.
    pub async fn revoke_all(&self, owner: &Owner) -> Result<usize, KeyError> {
        let revoked = self.store.revoke_owned_by(owner, self.clock.now()).await;
        let revoked = revoked.map_err(KeyError::Unavailable)?;
        if revoked > 0 {
            self.events.record(
                &Event::new(EventKind::Revoked)
                    .with_scheme("api-key")
                    .with_reason("all_keys")
                    .with_claimed_subject(&owner.subject),
            );
        }
        Ok(revoked)
    }

    fn check_record(&self, owner: &Identity, record: &KeyRecord) -> Result<(), KeyError> {
        self.check_authority(owner, record.scopes(), record.roles())
    }

    /// Whether the owner has what a key of these scopes and roles may do.
    fn check_authority<'a>(
        &self,
        owner: &Identity,
        scopes: &ScopeSet,
        mut roles: impl Iterator<Item = &'a str>,
    ) -> Result<(), KeyError> {
        let held = match &self.grantable {
            Some(grantable) => &grantable(owner),
            None => owner.scopes(),
        };
        if !held.is_superset(scopes) {
            let mut needed = Needed::default();
            needed.scopes = scopes.clone();
            let error = AuthError::new(AuthErrorKind::InsufficientScope, "key_exceeds_owner");
            return Err(KeyError::Refused(error.with_needed(needed)));
        }
        if !roles.all(|role| owner.has_role(role)) {
            let error = AuthError::new(AuthErrorKind::Forbidden, "key_exceeds_owner");
            return Err(KeyError::Refused(error));
        }
        Ok(())
    }

    fn record(&self, kind: EventKind, owner: &Identity, id: &KeyId, reason: Option<&'static str>) {
        // The event is about a key, whatever the owner was authenticated by.
        let mut event = Event::new(kind)
            .with_identity(owner)
            .with_scheme("api-key")
            .with_object_id(id.as_str());
        event.reason = reason;
        self.events.record(&event);
    }
}

/// Told of one switch: the other may be off yet.
const fn switched(disabled: bool) -> EventKind {
    if disabled {
        EventKind::KeyDisabled
    } else {
        EventKind::KeyEnabled
    }
}

/// A key that could make keys would outlive its own revocation.
fn refuse_keys(owner: &Identity) -> Result<(), KeyError> {
    if owner.scheme() == "api-key" || owner.key_id().is_some() {
        let error = AuthError::new(AuthErrorKind::Forbidden, "keys_manage_no_keys");
        return Err(KeyError::Refused(error));
    }
    Ok(())
}

/// Refuses what cannot be meant: no time at all, or ages.
fn check_lifetime(lifetime: Option<Duration>) -> Result<(), ConfigError> {
    lifetime.map_or(Ok(()), |lifetime| {
        check_duration("expires_in", lifetime).map(drop)
    })
}

impl fmt::Debug for KeyRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRegistry")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}
