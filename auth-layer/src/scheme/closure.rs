//! Schemes made from closures.

use std::fmt;

use http::request::Parts;

use super::Scheme;
use crate::{AuthError, Challenge, Challenges, Identity};

/// Makes a scheme from two closures: one finds the credential, the other checks it.
///
/// ```
/// use auth_layer::{AuthError, AuthLayer, Identity, scheme_fn};
///
/// let layer = AuthLayer::new(scheme_fn(
///     "ticket",
///     |parts| Ok(parts.headers.get("x-ticket").cloned()),
///     |ticket| async move {
///         if ticket == "admit-one" {
///             Ok(Identity::new("ticket", "visitor"))
///         } else {
///             Err(AuthError::invalid("unknown_ticket"))
///         }
///     },
/// ));
/// # let _ = layer;
/// ```
///
/// It offers no challenge; add one with [`SchemeFn::with_challenge`].
pub fn scheme_fn<X, V, C, Fut>(name: &'static str, extract: X, verify: V) -> SchemeFn<X, V>
where
    X: Fn(&Parts) -> Result<Option<C>, AuthError> + Send + Sync + 'static,
    V: Fn(C) -> Fut + Send + Sync + 'static,
    C: Send + 'static,
    Fut: Future<Output = Result<Identity, AuthError>> + Send + 'static,
{
    SchemeFn {
        name,
        extract,
        verify,
        challenge: Challenges::none(),
    }
}

/// A scheme made by [`scheme_fn`].
#[derive(Clone)]
pub struct SchemeFn<X, V> {
    name: &'static str,
    extract: X,
    verify: V,
    challenge: Challenges,
}

impl<X, V> SchemeFn<X, V> {
    /// Offers `challenge` to whoever is refused.
    #[must_use]
    pub fn with_challenge(mut self, challenge: Challenge) -> Self {
        self.challenge = challenge.into();
        self
    }
}

impl<X, V, C, Fut> Scheme for SchemeFn<X, V>
where
    X: Fn(&Parts) -> Result<Option<C>, AuthError> + Send + Sync + 'static,
    V: Fn(C) -> Fut + Send + Sync + 'static,
    C: Send + 'static,
    Fut: Future<Output = Result<Identity, AuthError>> + Send + 'static,
{
    type Credential = C;
    type Future = Fut;

    fn name(&self) -> &'static str {
        self.name
    }

    fn extract(&self, parts: &Parts) -> Result<Option<C>, AuthError> {
        (self.extract)(parts)
    }

    fn verify(&self, credential: C) -> Fut {
        (self.verify)(credential)
    }

    fn challenge(&self, _error: Option<&AuthError>) -> Challenges {
        self.challenge.clone()
    }
}

impl<X, V> fmt::Debug for SchemeFn<X, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SchemeFn")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
