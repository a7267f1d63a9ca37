#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod changes;
mod key;
mod last_use;
mod owners;
mod record;
mod registry;
mod remembered;
mod scheme;
mod store;

pub use self::changes::{KeyChange, KeyChanges, KeyListener, OwnerDigest, SharedKeyChanges};
pub use self::key::{ApiKey, InvalidKeyId, KeyFormat, KeyId, MalformedKey, SecretScanning};
pub use self::last_use::LastUses;
pub use self::owners::{CachedKeyOwners, KeyOwners, OwnerAuthority, SharedKeyOwners};
pub use self::record::{DisabledBy, KeyRecord, Owner, PreviousSecret};
pub use self::registry::{CreatedKey, KeyCursor, KeyError, KeyPage, KeyRegistry, NewKey};
pub use self::scheme::{ApiKeys, KeyQuota, PresentedKey, SupersededKey};
pub use self::store::{
    ApiKeyStore, CachedApiKeys, Inserted, Lookup, MemoryApiKeys, Rotated, Rotation,
    SharedApiKeyStore,
};
