//! What an owner may do now: [`KeyOwners`].

mod cached;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use auth_layer::{AuthError, Roles, ScopeSet};

pub use self::cached::CachedKeyOwners;
use crate::{KeyRecord, Lookup, Owner};

/// Tells what the owner of a key may do at this moment, so that a key never outlives the authority
/// of who made it.
///
/// # Contract
///
/// - `None` means that there is no such user any more, or a disabled one: their keys are refused.
/// - An error means "could not ask": the request is answered 503.
/// - Answers may be remembered for as long as is documented, at most a minute; that is how late it may
///   take effect that an owner loses something.
pub trait KeyOwners: Send + Sync + 'static {
    /// The answer of [`authority`](Self::authority), if it can be given without waiting. Default: it
    /// cannot.
    fn authority_now(&self, owner: &Owner) -> Lookup<OwnerAuthority> {
        let _ = owner;
        Lookup::Wait
    }

    /// What the owner may do.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be asked.
    fn authority(
        &self,
        owner: &Owner,
    ) -> impl Future<Output = Result<Option<OwnerAuthority>, AuthError>> + Send;
}

/// What an owner may do. A key has what is in it and in the key's own record.
#[derive(Clone, Debug)]
#[must_use]
pub struct OwnerAuthority {
    scopes: Option<ScopeSet>,
    roles: Roles,
}

impl OwnerAuthority {
    /// Only these scopes and roles.
    pub fn new<R: Into<String>>(scopes: ScopeSet, roles: impl IntoIterator<Item = R>) -> Self {
        Self {
            scopes: Some(scopes),
            roles: roles.into_iter().map(Into::<String>::into).collect(),
        }
    }

    /// Any scope, for services whose users have roles and only their keys have scopes.
    pub fn any_scope<R: Into<String>>(roles: impl IntoIterator<Item = R>) -> Self {
        Self {
            scopes: None,
            roles: roles.into_iter().map(Into::<String>::into).collect(),
        }
    }

    pub(crate) fn scopes_of(&self, record: &KeyRecord) -> ScopeSet {
        match &self.scopes {
            Some(own) => record.scopes().intersection(own),
            None => record.scopes().clone(),
        }
    }

    pub(crate) fn roles_of(&self, record: &KeyRecord) -> Roles {
        let has = |role: &&str| self.roles.contains(role);
        if record.roles().all(|role| has(&role)) {
            return record.grant().roles().clone();
        }
        record.roles().filter(has).collect()
    }
}

/// Any [`KeyOwners`], shared and type-erased.
#[derive(Clone)]
pub struct SharedKeyOwners {
    owners: Arc<dyn DynOwners>,
}

impl SharedKeyOwners {
    /// Shares `owners`.
    #[must_use]
    pub fn new(owners: impl KeyOwners) -> Self {
        Self {
            owners: Arc::new(owners),
        }
    }
}

impl KeyOwners for SharedKeyOwners {
    fn authority_now(&self, owner: &Owner) -> Lookup<OwnerAuthority> {
        self.owners.authority_now(owner)
    }

    async fn authority(&self, owner: &Owner) -> Result<Option<OwnerAuthority>, AuthError> {
        self.owners.authority(owner).await
    }
}

impl<O: KeyOwners> From<Arc<O>> for SharedKeyOwners {
    fn from(owners: Arc<O>) -> Self {
        Self { owners }
    }
}

impl fmt::Debug for SharedKeyOwners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedKeyOwners").finish_non_exhaustive()
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, AuthError>> + Send + 'a>>;

/// The dyn-compatible twin of [`KeyOwners`]; the only place that boxes.
trait DynOwners: Send + Sync {
    fn authority_now(&self, owner: &Owner) -> Lookup<OwnerAuthority>;
    fn authority<'a>(&'a self, owner: &'a Owner) -> Boxed<'a, Option<OwnerAuthority>>;
}

impl<T: KeyOwners> DynOwners for T {
    fn authority_now(&self, owner: &Owner) -> Lookup<OwnerAuthority> {
        KeyOwners::authority_now(self, owner)
    }

    fn authority<'a>(&'a self, owner: &'a Owner) -> Boxed<'a, Option<OwnerAuthority>> {
        Box::pin(KeyOwners::authority(self, owner))
    }
}
