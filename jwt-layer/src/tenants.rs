//! Issuers that come and go at run time: [`TenantIssuers`].

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use auth_layer::ConfigError;

use crate::policy::AccessToken;
use crate::verifier::Trusted;
use crate::{Keys, VerificationPolicy};

/// The largest token that a tenant's policy may allow: the default of policies.
pub(crate) const MAX_TOKEN_SIZE: usize = 8 * 1024;

/// The deepest claims that a tenant's policy may allow: the default of policies.
pub(crate) const MAX_DEPTH: usize = 8;

/// The most issuers that a registry may be made for.
const MAX_CAPACITY: usize = 100_000;

/// The issuers of tenants: an allow-list that changes while the program runs.
///
/// [`Jwt::for_tenants`](crate::Jwt::for_tenants) and
/// [`Jwt::trust_tenants`](crate::Jwt::trust_tenants) look an issuer up for each token. One that is not
/// in the list is refused, and has nothing asked of anybody. Each issuer has its own policy and keys;
/// with `RemoteKeys` also a cooldown of its own, and nothing is fetched before its
/// first token.
///
/// What keeps tenants apart:
///
/// - An issuer that is in the list already is refused: otherwise a tenant could name another's issuer
///   with keys of its own.
/// - A policy that takes the tenant from a claim is refused, because the tenant's own issuer writes
///   the claims. Give the tenant by [`PolicyBuilder::tenant`](crate::PolicyBuilder::tenant). Roles and
///   scopes are the issuer's word too: they must count within the tenant only.
/// - Where the tenant says where its keys are, set
///   [`Addresses::Public`](crate::Addresses::Public), so that it cannot have this service ask its own
///   network.
///
/// Clones share the list.
///
/// ```
/// # #[cfg(any(feature = "aws-lc", feature = "rust-crypto"))] {
/// use jwt_layer::{Algorithm, Jwt, TenantIssuers, VerificationPolicy, VerifyingKey};
///
/// let tenants = TenantIssuers::new(1000)?;
/// let jwt = Jwt::for_tenants(tenants.clone());
///
/// let policy = VerificationPolicy::access_token("https://id.acme.example", "https://api.example.com");
/// let key = VerifyingKey::from_secret(Algorithm::Hs256, &[7; 32])?; // or `RemoteKeys`
/// tenants.insert(policy.tenant("acme").build()?, key)?;
/// assert!(tenants.contains("https://id.acme.example"));
/// tenants.remove("https://id.acme.example");
/// # let _ = jwt;
/// # }
/// # Ok::<(), auth_layer::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct TenantIssuers {
    registry: Arc<Registry>,
}

struct Registry {
    issuers: RwLock<HashMap<Box<str>, Arc<Trusted<AccessToken>>>>,
    capacity: usize,
}

impl TenantIssuers {
    /// An empty list that takes this many issuers.
    ///
    /// # Errors
    ///
    /// Refuses 0, and more than 100,000.
    pub fn new(capacity: usize) -> Result<Self, ConfigError> {
        if !(1..=MAX_CAPACITY).contains(&capacity) {
            let problem = format!("must be 1 to {MAX_CAPACITY}");
            return Err(ConfigError::new("capacity", problem));
        }
        let issuers = RwLock::default();
        Ok(Self {
            registry: Arc::new(Registry { issuers, capacity }),
        })
    }

    /// Trusts an issuer that was not trusted before.
    ///
    /// # Errors
    ///
    /// Refuses an issuer that is in the list, one more than the capacity, and a policy that takes the
    /// tenant from a claim or allows larger tokens or deeper claims than is usual.
    pub fn insert(
        &self,
        policy: VerificationPolicy,
        keys: impl Into<Keys>,
    ) -> Result<(), ConfigError> {
        let trusted = trusted(policy, keys.into())?;
        let mut issuers = self.write();
        let is_full = issuers.len() >= self.registry.capacity;
        match issuers.entry(trusted.policy.issuer().into()) {
            Entry::Occupied(_) => Err(ConfigError::new("issuer", "is trusted already")),
            Entry::Vacant(_) if is_full => Err(ConfigError::new("capacity", "is used up")),
            Entry::Vacant(entry) => {
                entry.insert(trusted);
                Ok(())
            }
        }
    }

    /// Gives an issuer another policy and other keys. Tokens that were verified before are verified
    /// anew.
    ///
    /// # Errors
    ///
    /// Refuses an issuer that is not in the list, and what [`insert`](Self::insert) refuses.
    pub fn replace(
        &self,
        policy: VerificationPolicy,
        keys: impl Into<Keys>,
    ) -> Result<(), ConfigError> {
        let trusted = trusted(policy, keys.into())?;
        match self.write().get_mut(trusted.policy.issuer()) {
            Some(old) => {
                *old = trusted;
                Ok(())
            }
            None => Err(ConfigError::new("issuer", "is not trusted yet")),
        }
    }

    /// Trusts an issuer no longer, from the next token on. False if it was not in the list.
    pub fn remove(&self, issuer: &str) -> bool {
        self.write().remove(issuer).is_some()
    }

    /// Whether the issuer is in the list, compared byte for byte.
    pub fn contains(&self, issuer: &str) -> bool {
        self.read().contains_key(issuer)
    }

    /// How many issuers are in the list.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether no issuer is in the list.
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    pub(crate) fn get(&self, issuer: &str) -> Option<Arc<Trusted<AccessToken>>> {
        self.read().get(issuer).cloned()
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<Box<str>, Arc<Trusted<AccessToken>>>> {
        let issuers = self.registry.issuers.read();
        issuers.unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Box<str>, Arc<Trusted<AccessToken>>>> {
        let issuers = self.registry.issuers.write();
        issuers.unwrap_or_else(PoisonError::into_inner)
    }
}

fn trusted(
    policy: VerificationPolicy,
    keys: Keys,
) -> Result<Arc<Trusted<AccessToken>>, ConfigError> {
    let refuse = |option, problem: &str| Err(ConfigError::new(option, problem));
    if policy.kind.takes_tenant_from_claim() {
        return refuse(
            "tenant_claim",
            "would let a tenant's issuer name another tenant",
        );
    }
    if policy.common.max_token_size > MAX_TOKEN_SIZE {
        return refuse("max_token_size", "must be at most 8 KiB for a tenant");
    }
    if policy.common.max_depth > MAX_DEPTH {
        return refuse("max_depth", "must be at most 8 for a tenant");
    }
    Ok(Arc::new(Trusted { policy, keys }))
}

impl fmt::Debug for TenantIssuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantIssuers")
            .field("len", &self.len())
            .field("capacity", &self.registry.capacity)
            .finish_non_exhaustive()
    }
}
