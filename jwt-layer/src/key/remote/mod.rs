//! Keys that are fetched from their issuer: [`RemoteKeys`].

mod builder;
mod flight;
mod shared;
mod snapshot;
mod source;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use auth_layer::AuthError;

pub use self::builder::RemoteKeysBuilder;
use self::shared::Shared;
use super::{KeyLookup, KeySource, Keys, WantedKey};
use crate::Discovery;

/// The keys of an issuer, fetched from its JWKS document, kept, and kept fresh.
///
/// How it decides:
///
/// 1. A key that is known is used, without a lock and without waiting, until
///    [`max_age`](RemoteKeysBuilder::max_age) after it was last asked for. So a slow or broken
///    issuer is not noticed by tokens whose key is known.
/// 2. The keys are asked for anew in the background, after
///    [`refresh_interval`](RemoteKeysBuilder::refresh_interval) or the issuer's `max-age`, with its
///    `ETag`. A key that is gone from the answer is gone. An answer that cannot be used changes
///    nothing.
/// 3. A token whose key is not known has the keys asked for, and waits, but only once per
///    [`cooldown`](RemoteKeysBuilder::cooldown), whoever asked last and however it went. Until then it
///    is refused with 401 if the last attempt went well, else answered 503.
/// 4. However many wait, one request is on its way. It belongs to none of them: that a client goes
///    away does not stop it.
///
/// A signature that does not fit under a known key never has anything asked for. No redirect is
/// followed, and only `https` is asked, or `http` on this machine.
///
/// A tokio runtime with time and I/O must be running where tokens are verified. What runs in the
/// background ends with the last clone.
///
/// ```no_run
/// # #[cfg(feature = "reqwest")]
/// # fn example() -> Result<(), auth_layer::ConfigError> {
/// use jwt_layer::{Algorithm, Jwt, RemoteKeys, VerificationPolicy};
///
/// let keys = RemoteKeys::discover("https://id.example.com").algorithms([Algorithm::Rs256]).build()?;
/// let policy = VerificationPolicy::access_token("https://id.example.com", "https://api.example.com");
/// let layer = Jwt::new(policy.build()?, keys).into_layer();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RemoteKeys {
    shared: Arc<Shared>,
}

impl RemoteKeys {
    /// Keys from the JWKS document at this address.
    pub fn from_url(url: impl AsRef<str>) -> RemoteKeysBuilder {
        RemoteKeysBuilder::from_url(url.as_ref())
    }

    /// Keys from where the issuer's OpenID configuration says, which is asked again each time.
    pub fn discover(issuer: impl Into<Box<str>>) -> RemoteKeysBuilder {
        RemoteKeysBuilder::from_discovery(Discovery::openid(issuer))
    }

    /// Keys from where the issuer's metadata says; for RFC 8414, with [`Discovery::oauth`].
    pub fn discover_by(discovery: Discovery) -> RemoteKeysBuilder {
        RemoteKeysBuilder::from_discovery(Ok(discovery))
    }

    fn start(shared: Shared) -> Self {
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Whether there are keys to verify with; if not, tries to have them, once per cooldown.
    ///
    /// For a readiness check, and at the start of a program, so that the first request need not wait.
    ///
    /// # Errors
    ///
    /// Fails with `Unavailable` if there are no keys and none could be had.
    pub async fn ready(&self) -> Result<(), AuthError> {
        if self.shared.is_usable() {
            return Ok(());
        }
        self.shared.refresh().await?;
        if self.shared.is_usable() {
            return Ok(());
        }
        Err(AuthError::unavailable("no_keys"))
    }

    /// When the keys that are in use were asked for; none if there are none.
    pub fn asked_at(&self) -> Option<SystemTime> {
        self.shared.asked_at()
    }
}

impl KeySource for RemoteKeys {
    fn find(&self, wanted: &WantedKey<'_>) -> KeyLookup {
        Shared::find(&self.shared, wanted)
    }

    async fn refresh(&self, _: &WantedKey<'_>) -> Result<(), AuthError> {
        self.shared.refresh().await
    }
}

impl From<RemoteKeys> for Keys {
    fn from(keys: RemoteKeys) -> Self {
        Self::from_source(keys)
    }
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeys")
            .field("url", &self.shared.url().to_string())
            .field("asked_at", &self.asked_at())
            .finish_non_exhaustive()
    }
}
