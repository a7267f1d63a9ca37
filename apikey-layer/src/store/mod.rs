//! Where keys are kept: [`ApiKeyStore`].

mod cached;
mod memory;
mod shared;

use std::sync::Arc;
use std::time::SystemTime;

use auth_layer::{AuthError, SecretDigest};

pub use self::cached::CachedApiKeys;
pub use self::memory::MemoryApiKeys;
pub use self::shared::SharedApiKeyStore;
use crate::{DisabledBy, KeyId, KeyRecord, Owner, PreviousSecret};

/// Where API keys are kept.
///
/// Implement it with plain `async fn`s. A store never sees a key: it keeps digests and is asked by
/// public id; comparing is done by the scheme, in constant time.
///
/// # Contract
///
/// - `find` returns expired, disabled and revoked records too; the scheme tells them apart. A key that
///   expired or was revoked more than 30 days ago may be forgotten, and is then as one that never was.
/// - Each verb is atomic, also against the same verb at the same time from another process.
/// - `insert` never overwrites, and never leaves an owner with more keys than the limit; of several
///   at once, no more succeed than there is room for.
/// - `rotate` succeeds only while the current digest is the one it names and the key is not
///   revoked; of several at once, one succeeds.
/// - A revocation is for good, and keeps the time of the first.
/// - A change that returned `Ok` is seen by every later `find`.
/// - `find_now` and `find_recent` may answer from a cache. They say what `find` says, except that a
///   change made through another process may be missing for as long as the store documents, at most
///   a minute; that is how late a revocation may take effect there. A change made through this store
///   is seen at once, but for when a key was last used. [`KeyRegistry`](crate::KeyRegistry) never reads through them.
/// - A switch of [`set_disabled`](Self::set_disabled) moves nothing else, the other switch included;
///   nor does [`touch`](Self::touch), which never takes a time back.
/// - An error means "could not ask". It is never read as "no such key": the request is answered 503.
///
/// `auth_test::contract::api_key_store` checks an implementation against this.
pub trait ApiKeyStore: Send + Sync + 'static {
    /// The answer of [`find`](Self::find), if it can be given without waiting. See the contract for
    /// how stale it may be.
    fn find_now(&self, id: &KeyId) -> Lookup {
        let _ = id;
        Lookup::Wait
    }

    /// Looks a key up by its public id.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be asked or holds a record that it cannot read.
    fn find(
        &self,
        id: &KeyId,
    ) -> impl Future<Output = Result<Option<Arc<KeyRecord>>, AuthError>> + Send;

    /// The answer of [`find`](Self::find), which may be as stale as that of [`find_now`](Self::find_now);
    /// the scheme asks this if `find_now` says to wait. Default: `find`.
    ///
    /// # Errors
    ///
    /// As `find`.
    fn find_recent(
        &self,
        id: &KeyId,
    ) -> impl Future<Output = Result<Option<Arc<KeyRecord>>, AuthError>> + Send {
        self.find(id)
    }

    /// Keeps a new key, unless its id is taken or its owner has `limit` keys already. Keys count that
    /// are neither revoked nor, at the new one's `created_at`, expired.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be written to.
    fn insert(
        &self,
        record: KeyRecord,
        limit: usize,
    ) -> impl Future<Output = Result<Inserted, AuthError>> + Send;

    /// Gives a key a new secret, the old one being good for a while yet.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be written to; then nothing is changed.
    fn rotate(
        &self,
        id: &KeyId,
        rotation: &Rotation,
    ) -> impl Future<Output = Result<Rotated, AuthError>> + Send;

    /// Revokes a key, with every secret it has; false if there is no such key.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be written to; then nothing is revoked.
    fn revoke(
        &self,
        id: &KeyId,
        at: SystemTime,
    ) -> impl Future<Output = Result<bool, AuthError>> + Send;

    /// Revokes every key of an owner; says how many were not revoked before.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be written to. Some keys may be revoked then; ask again.
    fn revoke_owned_by(
        &self,
        owner: &Owner,
        at: SystemTime,
    ) -> impl Future<Output = Result<usize, AuthError>> + Send;

    /// Sets one of the two switches of a key; false if there is no such key.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be written to; then nothing is changed.
    fn set_disabled(
        &self,
        id: &KeyId,
        by: DisabledBy,
        disabled: bool,
    ) -> impl Future<Output = Result<bool, AuthError>> + Send;

    /// Takes down when keys were last used. A time that is kept already and is later stays; keys that do
    /// not exist are skipped.
    ///
    /// It is called behind the requests, with many keys at once.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be written to. Some uses may be taken down then; ask again.
    fn touch(
        &self,
        uses: &[(KeyId, SystemTime)],
    ) -> impl Future<Output = Result<(), AuthError>> + Send;

    /// At most `limit` keys of an owner, in the order of their ids, those after `after`; there need be
    /// no such key.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be asked.
    fn list(
        &self,
        owner: &Owner,
        after: Option<&KeyId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Arc<KeyRecord>>, AuthError>> + Send;
}

/// What can be said without waiting: by a store of a key, or by [`KeyOwners`](crate::KeyOwners) of an
/// owner. There is no fourth case.
#[derive(Clone, Debug)]
pub enum Lookup<T = Arc<KeyRecord>> {
    /// This is its record, or what the owner may do.
    Found(T),
    /// There is no such key, or owner.
    Missing,
    /// Ask [`find_recent`](ApiKeyStore::find_recent), or
    /// [`authority`](crate::KeyOwners::authority).
    Wait,
}

/// What became of a new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inserted {
    /// It is kept.
    Done,
    /// Its owner has too many; nothing is changed.
    Full,
    /// Its id is taken; nothing is changed.
    Taken,
}

/// A new secret for a key.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Rotation {
    /// The digest that the key must have now.
    pub replaces: SecretDigest,
    /// The digest that it gets.
    pub digest: SecretDigest,
    /// When that is.
    pub replaced_at: SystemTime,
    /// The first moment at which the replaced secret is no longer good. If that is no later than
    /// `replaced_at`, it is good nowhere from then on, be a node's clock behind or not.
    pub previous_valid_until: SystemTime,
}

impl Rotation {
    /// A rotation.
    #[must_use]
    pub const fn new(
        replaces: SecretDigest,
        digest: SecretDigest,
        replaced_at: SystemTime,
        previous_valid_until: SystemTime,
    ) -> Self {
        Self {
            replaces,
            digest,
            replaced_at,
            previous_valid_until,
        }
    }

    /// The secret that it replaces, as it is kept from then on.
    pub const fn previous(&self) -> PreviousSecret {
        PreviousSecret::new(self.replaces, self.replaced_at, self.previous_valid_until)
    }
}

/// What became of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rotated {
    /// The key has another secret than the rotation named: somebody else was first.
    Changed,
    /// Done.
    Done,
    /// There is no such key.
    NotFound,
    /// The key is revoked.
    Revoked,
}
