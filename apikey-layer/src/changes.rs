//! News of changes, from node to node: [`KeyChanges`].

use std::fmt;
use std::sync::{Arc, Weak};

use auth_layer::SecretDigest;

use crate::{KeyId, Owner};

/// Tells all nodes what one of them has changed, so that none of them remembers what is out of date
/// for longer than the news takes.
///
/// [`CachedApiKeys::changes`](crate::CachedApiKeys::changes) and
/// [`CachedKeyOwners::changes`](crate::CachedKeyOwners::changes) announce what is changed through them
/// and heed what they hear. `RedisStore::key_changes` of redis-store is one.
///
/// # Contract
///
/// - News makes a change take effect sooner. It is never what makes it take effect: whatever is lost,
///   nothing is remembered for longer than its age.
/// - `announce` hands the news over and returns. It is called after the change, also from destructors,
///   and must neither wait nor panic.
/// - A listener hears [`KeyChange::All`] when news may have been missed, and when it is heard again.
/// - Who announces may hear it too.
pub trait KeyChanges: Send + Sync + 'static {
    /// Tells the other nodes, soon.
    fn announce(&self, change: KeyChange);

    /// Tells `listener` from now on what other nodes announce, until it is
    /// [gone](KeyListener::is_gone).
    fn listen(&self, listener: KeyListener);

    /// Something is about to be remembered: news is needed from now on. Called inside of the runtime,
    /// and often. Default: nothing.
    fn attend(&self) {}
}

/// What has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyChange {
    /// Everything, as far as is known.
    All,
    /// A key: it was made, rotated, revoked, or switched off or on.
    Key(KeyId),
    /// An owner: what it may do, or all of its keys.
    Owner(OwnerDigest),
}

/// Names an [`Owner`] in news, without telling who it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OwnerDigest([u8; 32]);

impl OwnerDigest {
    /// The digest of an owner: SHA-256 over issuer, tenant and subject.
    #[must_use]
    pub fn of(owner: &Owner) -> Self {
        let names = [
            owner.issuer.as_deref(),
            owner.tenant.as_deref(),
            Some(owner.subject.as_str()),
        ];
        // Told apart by presence and length, so that no two owners are one text.
        let mut joined = Vec::with_capacity(128);
        for name in names {
            joined.push(u8::from(name.is_some()));
            let name = name.unwrap_or_default();
            joined.extend_from_slice(&(name.len() as u64).to_be_bytes());
            joined.extend_from_slice(name.as_bytes());
        }
        Self(*SecretDigest::of(joined).as_bytes())
    }

    /// A digest that has been sent.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// What to send.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for OwnerDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnerDigest(")?;
        for byte in &self.0[..4] {
            write!(f, "{byte:02x}")?;
        }
        write!(f, "…)")
    }
}

/// One that forgets what it hears has changed.
#[derive(Clone)]
pub struct KeyListener {
    remembers: Weak<dyn Remembers>,
}

/// What hears of changes.
pub(crate) trait Remembers: Send + Sync + 'static {
    fn hear(&self, change: &KeyChange);
}

impl KeyListener {
    pub(crate) fn new<R: Remembers>(remembers: &Arc<R>) -> Self {
        let remembers = Arc::downgrade(remembers);
        Self { remembers }
    }

    /// Forgets what is out of date by `change`.
    pub fn hear(&self, change: KeyChange) {
        if let Some(remembers) = self.remembers.upgrade() {
            remembers.hear(&change);
        }
    }

    /// Whether there is nothing left that could be out of date: it need not be told any more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.remembers.strong_count() == 0
    }
}

impl fmt::Debug for KeyListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyListener").finish_non_exhaustive()
    }
}

/// Any [`KeyChanges`], shared and type-erased.
#[derive(Clone)]
pub struct SharedKeyChanges {
    changes: Arc<dyn KeyChanges>,
}

impl SharedKeyChanges {
    /// Shares `changes`.
    #[must_use]
    pub fn new(changes: impl KeyChanges) -> Self {
        Self {
            changes: Arc::new(changes),
        }
    }
}

impl<C: KeyChanges> From<Arc<C>> for SharedKeyChanges {
    fn from(changes: Arc<C>) -> Self {
        Self { changes }
    }
}

impl KeyChanges for SharedKeyChanges {
    fn announce(&self, change: KeyChange) {
        self.changes.announce(change);
    }

    fn listen(&self, listener: KeyListener) {
        self.changes.listen(listener);
    }

    fn attend(&self) {
        self.changes.attend();
    }
}

impl fmt::Debug for SharedKeyChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedKeyChanges").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_owners_never_have_one_digest() {
        let mut owners = vec![Owner::new("ab"), Owner::new("a")];
        for (issuer, tenant) in [
            (None, Some("ab")),
            (Some("ab"), None),
            (Some(""), None),
            (Some("a"), Some("b")),
        ] {
            let mut owner = Owner::new("ab");
            owner.issuer = issuer.map(str::to_owned);
            owner.tenant = tenant.map(str::to_owned);
            owners.push(owner);
        }
        for (index, owner) in owners.iter().enumerate() {
            let digest = OwnerDigest::of(owner);
            let others = owners[..index].iter();
            assert!(others.map(OwnerDigest::of).all(|other| other != digest));
            assert_eq!(digest, OwnerDigest::from_bytes(*digest.as_bytes()));
            assert!(!format!("{digest:?}").contains("ab\""));
        }
    }
}
