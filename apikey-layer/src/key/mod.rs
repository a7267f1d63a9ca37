//! The key itself: its form, its public id, and the secret.

mod base62;
mod format;
mod id;
mod scanning;

use std::fmt;

use auth_layer::{ExposeSecret, SecretDigest, SecretString};

pub use self::format::{KeyFormat, MalformedKey};
pub use self::id::{InvalidKeyId, KeyId};
pub use self::scanning::SecretScanning;

/// A whole key, secret included. It exists where a key was just made, and nowhere else.
///
/// There is no way to print one: `Display` is missing and `Debug` shows the public id only.
/// [`expose`](Self::expose) is for the one answer in which the owner sees it.
pub struct ApiKey {
    id: KeyId,
    text: SecretString,
}

impl ApiKey {
    pub(crate) fn new(id: KeyId, text: SecretString) -> Self {
        Self { id, text }
    }

    /// The key, to be shown to its owner this once.
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// Its public id.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// What a store keeps of it.
    pub fn digest(&self) -> SecretDigest {
        SecretDigest::of(self.expose())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
