//! Limits for schemes that check passwords themselves.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use auth_layer::{
    AuthError, AuthErrorKind, Challenges, ClientAddress, ConflictPolicy, Identity, ResponseHeaders,
    Scheme,
};
use http::HeaderMap;
use http::request::Parts;

use super::AttemptLimits;

/// A [`Scheme`] by whose credentials passwords can be guessed, with [`AttemptLimits`]. Made by
/// [`AttemptLimits::limit_scheme`].
///
/// 1. What the scheme refuses by itself when it reads the request costs nothing: nobody learns from it
///    whether a password is right.
/// 2. Then the attempt is counted, by the [`ClientAddress`] in the request's extensions and by the
///    user name, before the scheme asks anybody. One too many: 429 with `Retry-After`, right or wrong.
/// 3. A credential that is right gives back what it has cost; one that is right and
///    [`Stale`](AuthErrorKind::Stale), such as a Digest response whose nonce was used before, too.
///    Everything else costs it: a wrong one, a store that does not answer, a client that hangs up.
///
/// Put the [`ClientAddressLayer`](auth_layer::ClientAddressLayer) outside of the layer that has this
/// scheme; without it all clients are one.
///
/// ```
/// use auth_layer::digest::{Digest, DigestCredentials, MemoryDigestStore};
/// use auth_layer::{AuthLayer, MemoryRateCounters};
/// use login::attempts::AttemptLimits;
///
/// # fn main() -> Result<(), auth_layer::ConfigError> {
/// let limits = AttemptLimits::new("10/m/ip,5/5m/account", MemoryRateCounters::new())?;
/// let digest = Digest::builder("printers", MemoryDigestStore::new("printers")).build()?;
/// let layer = AuthLayer::new(limits.limit_scheme(digest, DigestCredentials::username));
/// # let _ = layer;
/// # Ok(())
/// # }
/// ```
pub struct LimitedScheme<S: Scheme> {
    inner: Arc<Inner<S>>,
}

struct Inner<S: Scheme> {
    scheme: S,
    limits: AttemptLimits,
    username: Box<Username<S::Credential>>,
}

type Username<C> = dyn Fn(&C) -> Cow<'_, str> + Send + Sync;

/// What [`LimitedScheme`] found in a request: the credential, and where it came from.
pub struct LimitedCredential<C> {
    credential: C,
    client: ClientAddress,
}

impl<S: Scheme> LimitedScheme<S> {
    pub(super) fn new(
        scheme: S,
        limits: AttemptLimits,
        username: impl Fn(&S::Credential) -> Cow<'_, str> + Send + Sync + 'static,
    ) -> Self {
        let inner = Inner {
            scheme,
            limits,
            username: Box::new(username),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    fn limited(
        &self,
        sent: LimitedCredential<S::Credential>,
        verify: impl FnOnce(&S, S::Credential) -> S::Future + Send + 'static,
    ) -> <Self as Scheme>::Future {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let Inner {
                scheme,
                limits,
                username,
            } = &*inner;
            let LimitedCredential { credential, client } = sent;
            let name = username(&credential).into_owned();
            let attempt = limits.take(client, &name).await?;
            let outcome = verify(scheme, credential).await;
            let was_right = match &outcome {
                Ok(_) => true,
                Err(error) => error.kind() == AuthErrorKind::Stale,
            };
            if was_right {
                limits.give_back(attempt).await;
            }
            outcome
        })
    }
}

impl<S: Scheme> Scheme for LimitedScheme<S> {
    type Credential = LimitedCredential<S::Credential>;
    type Future = Pin<Box<dyn Future<Output = Result<Identity, AuthError>> + Send>>;

    fn name(&self) -> &'static str {
        self.inner.scheme.name()
    }

    fn extract(&self, parts: &Parts) -> Result<Option<Self::Credential>, AuthError> {
        let found = self.inner.scheme.extract(parts)?;
        Ok(found.map(|credential| {
            let client = parts.extensions.get::<ClientAddress>().copied();
            LimitedCredential {
                credential,
                client: client.unwrap_or_else(ClientAddress::unknown),
            }
        }))
    }

    fn verify(&self, sent: Self::Credential) -> Self::Future {
        self.limited(sent, S::verify)
    }

    fn response_headers(&self, identity: &Identity) -> ResponseHeaders {
        self.inner.scheme.response_headers(identity)
    }

    fn challenge(&self, error: Option<&AuthError>) -> Challenges {
        self.inner.scheme.challenge(error)
    }

    fn explains_missing_scope(&self) -> bool {
        self.inner.scheme.explains_missing_scope()
    }

    fn conceal(&self, headers: &mut HeaderMap) {
        self.inner.scheme.conceal(headers);
    }

    fn claims_authorization(&self, sent: &Self::Credential) -> bool {
        self.inner.scheme.claims_authorization(&sent.credential)
    }

    fn answers_for(&self, scheme: &str) -> bool {
        self.inner.scheme.answers_for(scheme)
    }

    fn verify_under(&self, sent: Self::Credential, policy: ConflictPolicy) -> Self::Future {
        self.limited(sent, move |scheme, credential| {
            scheme.verify_under(credential, policy)
        })
    }
}

impl<S: Scheme> Clone for LimitedScheme<S> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<S: Scheme + fmt::Debug> fmt::Debug for LimitedScheme<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitedScheme")
            .field("scheme", &self.inner.scheme)
            .field("limits", &self.inner.limits)
            .finish_non_exhaustive()
    }
}

impl<C: fmt::Debug> fmt::Debug for LimitedCredential<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitedCredential")
            .field("credential", &self.credential)
            .field("client", &self.client)
            .finish()
    }
}
