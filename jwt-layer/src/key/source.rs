//! Where keys come from: a fixed set, or something that learns new ones.

use std::fmt;
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;

use auth_layer::AuthError;

use super::{KeySet, VerifyingKey};
use crate::Algorithm;

/// The key that a token asks for. Its text is the client's.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct WantedKey<'a> {
    /// The `kid` of the header: at most 256 bytes, without control characters.
    pub kid: Option<&'a str>,
    /// The algorithm of the header.
    pub algorithm: Algorithm,
}

impl<'a> WantedKey<'a> {
    pub(crate) fn new(kid: Option<&'a str>, algorithm: Algorithm) -> Self {
        Self { kid, algorithm }
    }
}

/// Something that knows the keys of one issuer and may learn new ones.
///
/// [`KeySet`] is one that learns nothing; [`Keys::from_source`] takes any other.
///
/// # Contract
///
/// - `find` answers from what is known, at once. It takes no lock that `refresh` holds.
/// - `may_learn` says whether waiting can help. It is false during a cooldown, so that tokens with
///   invented ids are refused at once and cause nothing.
/// - `refresh` waits until the source has tried. Dropping the future must not stop the attempt for
///   others who wait for it. An error means "could not ask", and the token is answered 503.
/// - A known key is never unlearnt because a token asked for an unknown one.
pub trait KeySource: Send + Sync + 'static {
    /// The key, if it is known.
    fn find(&self, wanted: &WantedKey<'_>) -> Option<Arc<VerifyingKey>>;

    /// Whether [`refresh`](Self::refresh) could find the key that [`find`](Self::find) did not.
    fn may_learn(&self, wanted: &WantedKey<'_>) -> bool {
        let _ = wanted;
        false
    }

    /// Tries to learn of the key.
    ///
    /// # Errors
    ///
    /// Fails if the keys could not be asked for.
    fn refresh(
        &self,
        wanted: &WantedKey<'_>,
    ) -> impl Future<Output = Result<(), AuthError>> + Send {
        let _ = wanted;
        ready(Ok(()))
    }
}

impl KeySource for KeySet {
    fn find(&self, wanted: &WantedKey<'_>) -> Option<Arc<VerifyingKey>> {
        Self::find(self, wanted.kid, wanted.algorithm).cloned()
    }
}

/// The keys of one issuer, shared: a [`KeySet`], a single [`VerifyingKey`], or a [`KeySource`].
#[derive(Clone)]
pub struct Keys {
    source: Arc<dyn DynKeySource>,
}

impl Keys {
    /// Keys from a source of one's own.
    #[must_use]
    pub fn from_source(source: impl KeySource) -> Self {
        Self {
            source: Arc::new(source),
        }
    }

    pub(crate) fn find(&self, wanted: &WantedKey<'_>) -> Option<Arc<VerifyingKey>> {
        self.source.find(wanted)
    }

    pub(crate) fn may_learn(&self, wanted: &WantedKey<'_>) -> bool {
        self.source.may_learn(wanted)
    }

    pub(crate) async fn refresh(&self, wanted: &WantedKey<'_>) -> Result<(), AuthError> {
        self.source.refresh(wanted).await
    }
}

impl<S: KeySource> From<Arc<S>> for Keys {
    fn from(source: Arc<S>) -> Self {
        Self { source }
    }
}

impl From<KeySet> for Keys {
    fn from(keys: KeySet) -> Self {
        Self::from_source(keys)
    }
}

impl From<VerifyingKey> for Keys {
    fn from(key: VerifyingKey) -> Self {
        Self::from_source(Single(Arc::new(key)))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

/// One key, for whatever `kid` if it has none of its own.
struct Single(Arc<VerifyingKey>);

impl KeySource for Single {
    fn find(&self, wanted: &WantedKey<'_>) -> Option<Arc<VerifyingKey>> {
        let named = match (wanted.kid, self.0.kid()) {
            (Some(wanted), Some(own)) => wanted == own,
            _ => true,
        };
        (named && self.0.algorithm() == wanted.algorithm).then(|| Arc::clone(&self.0))
    }
}

/// The dyn-compatible twin of [`KeySource`]. It boxes only where somebody waits.
trait DynKeySource: Send + Sync {
    fn find(&self, wanted: &WantedKey<'_>) -> Option<Arc<VerifyingKey>>;
    fn may_learn(&self, wanted: &WantedKey<'_>) -> bool;
    fn refresh<'a>(
        &'a self,
        wanted: &'a WantedKey<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<(), AuthError>> + Send + 'a>>;
}

impl<T: KeySource> DynKeySource for T {
    fn find(&self, wanted: &WantedKey<'_>) -> Option<Arc<VerifyingKey>> {
        KeySource::find(self, wanted)
    }

    fn may_learn(&self, wanted: &WantedKey<'_>) -> bool {
        KeySource::may_learn(self, wanted)
    }

    fn refresh<'a>(
        &'a self,
        wanted: &'a WantedKey<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<(), AuthError>> + Send + 'a>> {
        Box::pin(KeySource::refresh(self, wanted))
    }
}
