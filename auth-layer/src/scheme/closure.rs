//! Schemes made from closures.

use std::fmt;

use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderName};

use super::Scheme;
use crate::{AuthError, Challenge, Challenges, Identity};

/// Makes a scheme from two closures: one finds the credential, the other checks it.
///
/// ```
/// use auth_layer::{AuthError, AuthLayer, Identity, SecretDigest, scheme_fn};
/// use http::HeaderName;
///
/// let known = SecretDigest::of("admit-one");
/// let tickets = scheme_fn(
///     "ticket",
///     |parts| Ok(parts.headers.get("x-ticket").map(|ticket| SecretDigest::of(ticket))),
///     move |ticket| async move {
///         // Digests compare in constant time.
///         if ticket == known {
///             Ok(Identity::new("ticket", "visitor"))
///         } else {
///             Err(AuthError::invalid("unknown_ticket"))
///         }
///     },
/// );
/// let layer = AuthLayer::new(tickets.with_header(HeaderName::from_static("x-ticket")));
/// # let _ = layer;
/// ```
///
/// The credential is taken to come from `Authorization` unless
/// [`with_header`](SchemeFn::with_header) says otherwise. There is no challenge; add one with
/// [`with_challenge`](SchemeFn::with_challenge).
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
        header: None,
    }
}

/// A scheme made by [`scheme_fn`].
#[derive(Clone)]
pub struct SchemeFn<X, V> {
    name: &'static str,
    extract: X,
    verify: V,
    challenge: Challenges,
    header: Option<HeaderName>,
}

impl<X, V> SchemeFn<X, V> {
    /// Says which header carries the credential, if it is not `Authorization`: it is marked as
    /// sensitive, so that no layer further in prints it.
    #[must_use]
    pub fn with_header(mut self, header: HeaderName) -> Self {
        self.header = Some(header);
        self
    }

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

    fn conceal(&self, headers: &mut HeaderMap) {
        let header = self.header.as_ref().unwrap_or(&AUTHORIZATION);
        if let Some(value) = headers.get_mut(header) {
            value.set_sensitive(true);
        }
    }

    fn claims_authorization(&self, _credential: &C) -> bool {
        self.header.is_none()
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
