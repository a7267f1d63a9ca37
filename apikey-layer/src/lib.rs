#![doc = include_str!("../README.md")]

mod changes;
mod key;
mod owners;
mod record;
mod registry;
mod remembered;
mod scheme;
mod store;

pub use self::changes::{KeyChange, KeyChanges, KeyListener, OwnerDigest, SharedKeyChanges};
pub use self::key::{ApiKey, InvalidKeyId, KeyFormat, KeyId, MalformedKey, SecretScanning};
pub use self::owners::{CachedKeyOwners, KeyOwners, OwnerAuthority, SharedKeyOwners};
pub use self::record::{DisabledBy, KeyRecord, Owner, PreviousSecret};
pub use self::registry::{CreatedKey, KeyError, KeyRegistry, NewKey};
pub use self::scheme::{ApiKeys, KeyQuota, PresentedKey, SupersededKey};
pub use self::store::{
    ApiKeyStore, CachedApiKeys, Inserted, InvalidKeyCursor, KeyCursor, Lookup, MemoryApiKeys,
    Rotated, Rotation, SharedApiKeyStore,
};
