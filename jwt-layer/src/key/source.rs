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
    /// What a token with this header asks for.
    #[must_use]
    pub const fn new(kid: Option<&'a str>, algorithm: Algorithm) -> Self {
        Self { kid, algorithm }
    }
}

/// What a [`KeySource`] can say of a key without waiting. There is no fifth case.
#[derive(Clone, Debug)]
pub enum KeyLookup {
    /// This is the key.
    Found(Arc<VerifyingKey>),
    /// The issuer has no such key, as far as is known, and asking again now would change nothing:
    /// the token is refused with 401.
    Unknown,
    /// Ask [`refresh`](KeySource::refresh), and then again.
    Ask,
    /// The issuer's keys could not be had, and it is too early to try again: the token is answered
    /// 503.
    Unavailable,
}

impl From<Option<Arc<VerifyingKey>>> for KeyLookup {
    /// `None` is [`Unknown`](Self::Unknown).
    fn from(found: Option<Arc<VerifyingKey>>) -> Self {
        found.map_or(Self::Unknown, Self::Found)
    }
}

/// Something that knows the keys of one issuer and may learn new ones.
///
/// [`KeySet`] is one that learns nothing; [`Keys::from_source`] takes any other.
///
/// ```
/// use jwt_layer::{Algorithm, KeyLookup, KeySource, WantedKey};
///
/// /// What an issuer is before its keys were had.
/// struct Down;
///
/// impl KeySource for Down {
///     fn find(&self, _: &WantedKey<'_>) -> KeyLookup {
///         KeyLookup::Unavailable
///     }
/// }
///
/// let wanted = WantedKey::new(Some("2026-01"), Algorithm::Es256);
/// assert!(matches!(Down.find(&wanted), KeyLookup::Unavailable));
/// ```
///
/// # Contract
///
/// - `find` answers from what is known, at once. It takes no lock that `refresh` holds.
/// - `find` says [`Ask`](KeyLookup::Ask) only if waiting can help. During a cooldown after an attempt
///   that succeeded it says [`Unknown`](KeyLookup::Unknown), so that tokens with invented ids are
///   refused at once and cause nothing, or still `Ask`, if `refresh` then waits the cooldown out, for
///   keys that may be used as soon as they are made; after one that failed it says
///   [`Unavailable`](KeyLookup::Unavailable), because nobody knows whether the key is good.
/// - `refresh` waits until the source has tried. Dropping the future must not stop the attempt for
///   others who wait for it. An error means "could not ask", and the token is answered 503.
/// - A known key is never unlearnt because a token asked for an unknown one.
pub trait KeySource: Send + Sync + 'static {
    /// The key, or what is known of it.
    fn find(&self, wanted: &WantedKey<'_>) -> KeyLookup;

    /// Tries to learn of the key that [`find`](Self::find) said to ask for.
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
    fn find(&self, wanted: &WantedKey<'_>) -> KeyLookup {
        Self::find(self, wanted.kid, wanted.algorithm)
            .cloned()
            .into()
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

    pub(crate) fn find(&self, wanted: &WantedKey<'_>) -> KeyLookup {
        self.source.find(wanted)
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
    fn find(&self, wanted: &WantedKey<'_>) -> KeyLookup {
        let named = match (wanted.kid, self.0.kid()) {
            (Some(wanted), Some(own)) => wanted == own,
            _ => true,
        };
        let fits = named && self.0.algorithm() == wanted.algorithm;
        fits.then(|| Arc::clone(&self.0)).into()
    }
}

/// The dyn-compatible twin of [`KeySource`]. It boxes only where somebody waits.
trait DynKeySource: Send + Sync {
    fn find(&self, wanted: &WantedKey<'_>) -> KeyLookup;
    fn refresh<'a>(
        &'a self,
        wanted: &'a WantedKey<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<(), AuthError>> + Send + 'a>>;
}

impl<T: KeySource> DynKeySource for T {
    fn find(&self, wanted: &WantedKey<'_>) -> KeyLookup {
        KeySource::find(self, wanted)
    }

    fn refresh<'a>(
        &'a self,
        wanted: &'a WantedKey<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<(), AuthError>> + Send + 'a>> {
        Box::pin(KeySource::refresh(self, wanted))
    }
}
