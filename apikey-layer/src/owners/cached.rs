//! Owners whose authority is remembered for a short while: [`CachedKeyOwners`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use auth_layer::{AuthError, ConfigError, SharedClock};

use super::{KeyOwners, OwnerAuthority, SharedKeyOwners};
use crate::changes::Remembers;
use crate::remembered::{Limits, Owned, Remembered};
use crate::{
    KeyChange, KeyChanges as _, KeyListener, Lookup, Owner, OwnerDigest, SharedKeyChanges,
};

/// Remembers for a short while what owners may do, so that a key that is used all the time costs no
/// question about its owner; an owner who is gone is remembered too.
///
/// - Tell it when an owner loses a role, is disabled or is deleted: [`forget`](Self::forget) lets that
///   take effect at once, here, and with [`changes`](Self::changes) on other nodes as soon as the news
///   is there.
/// - What it is not told of takes effect after [`max_age`](Self::max_age) at the latest, 5 seconds by
///   default.
/// - Requests that ask for the same owner at the same time share one question. A failure is an answer
///   to all of them and is not remembered.
///
/// ```
/// use apikey_layer::{CachedKeyOwners, KeyOwners, Owner, OwnerAuthority};
/// # use auth_layer::AuthError;
/// # struct Users;
/// # impl KeyOwners for Users {
/// #     async fn authority(&self, _: &Owner) -> Result<Option<OwnerAuthority>, AuthError> {
/// #         Ok(None)
/// #     }
/// # }
///
/// let owners = CachedKeyOwners::new(Users); // your table of users; a clone goes to the scheme
/// // Wherever ann's roles are changed, after the change:
/// owners.forget(&Owner::new("ann"));
/// ```
#[derive(Clone)]
pub struct CachedKeyOwners {
    inner: Arc<Inner>,
}

struct Inner {
    owners: SharedKeyOwners,
    remembered: Arc<Remembered<Owner, OwnerAuthority>>,
    changes: Option<SharedKeyChanges>,
}

impl CachedKeyOwners {
    /// Remembers what `owners` say, for 5 seconds; of 10,000 owners, and of as many who are gone.
    #[must_use]
    pub fn new(owners: impl KeyOwners) -> Self {
        Self::with(SharedKeyOwners::new(owners), Limits::default(), None)
    }

    fn with(owners: SharedKeyOwners, limits: Limits, changes: Option<SharedKeyChanges>) -> Self {
        let inner = Arc::new(Inner {
            owners,
            remembered: Arc::new(Remembered::new(limits)),
            changes,
        });
        if let Some(changes) = &inner.changes {
            changes.listen(KeyListener::new(&inner));
        }
        Self { inner }
    }

    fn limited(self, limits: Limits) -> Self {
        let Inner {
            owners, changes, ..
        } = &*self.inner;
        Self::with(owners.clone(), limits, changes.clone())
    }

    /// How old an answer may be, and so how late it takes effect what
    /// [`forget`](Self::forget) was not told of. What was remembered until now is forgotten.
    ///
    /// # Errors
    ///
    /// Refuses zero, and more than a minute.
    pub fn max_age(self, max_age: Duration) -> Result<Self, ConfigError> {
        let limits = self.inner.remembered.limits().max_age(max_age)?;
        Ok(self.limited(limits))
    }

    /// How many owners are remembered, and how many who are gone. What was remembered until now is
    /// forgotten.
    ///
    /// # Errors
    ///
    /// Refuses zero, and more than ten million.
    pub fn capacity(self, owners: usize) -> Result<Self, ConfigError> {
        let limits = self.inner.remembered.limits().capacity(owners)?;
        Ok(self.limited(limits))
    }

    /// The clock that ages are told by. Default: the system's.
    #[must_use]
    pub fn clock(self, clock: impl Into<SharedClock>) -> Self {
        let limits = self.inner.remembered.limits().clock(clock.into());
        self.limited(limits)
    }

    /// Announces by `changes` what this value is told to forget, and forgets what other nodes
    /// announce: see [`KeyChanges`](crate::KeyChanges). What was remembered until now is forgotten.
    #[must_use]
    pub fn changes(self, changes: impl Into<SharedKeyChanges>) -> Self {
        let limits = self.inner.remembered.limits();
        Self::with(self.inner.owners.clone(), limits, Some(changes.into()))
    }

    /// Forgets what an owner may do, after it has changed; other nodes too, if there are
    /// [`changes`](Self::changes).
    pub fn forget(&self, owner: &Owner) {
        self.inner.remembered.forget(owner);
        self.inner
            .announce(KeyChange::Owner(OwnerDigest::of(owner)));
    }

    /// Forgets everything; other nodes too, if there are [`changes`](Self::changes).
    pub fn forget_all(&self) {
        self.inner.remembered.forget_all();
        self.inner.announce(KeyChange::All);
    }
}

impl Inner {
    fn announce(&self, change: KeyChange) {
        if let Some(changes) = &self.changes {
            changes.announce(change);
        }
    }
}

impl Remembers for Inner {
    fn hear(&self, change: &KeyChange) {
        match change {
            KeyChange::All => self.remembered.forget_all(),
            KeyChange::Owner(owner) => self.remembered.forget_owned_by(owner),
            KeyChange::Key(_) => {}
        }
    }
}

impl KeyOwners for CachedKeyOwners {
    fn authority_now(&self, owner: &Owner) -> Lookup<OwnerAuthority> {
        match self.inner.remembered.now(owner) {
            Lookup::Wait => self.inner.owners.authority_now(owner),
            known => known,
        }
    }

    async fn authority(&self, owner: &Owner) -> Result<Option<OwnerAuthority>, AuthError> {
        if let Some(changes) = &self.inner.changes {
            changes.attend();
        }
        let ask = || {
            let (owners, owner) = (self.inner.owners.clone(), owner.clone());
            async move {
                let found = owners.authority(&owner).await?;
                Ok(found.map(|found| Owned {
                    owner: OwnerDigest::of(&owner),
                    found,
                }))
            }
        };
        self.inner.remembered.ask(owner, ask).await
    }
}

impl From<CachedKeyOwners> for SharedKeyOwners {
    fn from(owners: CachedKeyOwners) -> Self {
        Self::new(owners)
    }
}

impl fmt::Debug for CachedKeyOwners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedKeyOwners")
            .field("known", &self.inner.remembered.len())
            .finish_non_exhaustive()
    }
}
