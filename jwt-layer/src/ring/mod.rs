//! Signing keys that are shared by nodes and replaced in time.

#[cfg(feature = "key-ring")]
mod builder;
#[cfg(feature = "key-ring")]
mod document;
#[cfg(feature = "key-ring")]
mod key_ring;
#[cfg(feature = "key-ring")]
mod look;
mod memory;
#[cfg(feature = "key-ring")]
mod snapshot;
mod store;
#[cfg(feature = "key-ring")]
mod upkeep;

#[cfg(feature = "key-ring")]
pub use self::builder::{KeyRingBuilder, KeyRingError};
#[cfg(feature = "key-ring")]
pub use self::key_ring::{KeyRing, KeyStatus};
pub use self::memory::MemorySigningKeys;
pub use self::store::{SharedSigningKeyStore, SigningKeyStore};
