//! The scheme.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::request::Parts;
use pin_project_lite::pin_project;

use super::{PasswordVerifier, parse};
use crate::{
    AuthError, Challenge, Challenges, ClientAddress, Identity, PasswordCredentials, Scheme,
    Verdict, authorization,
};

const NAME: &str = "basic";

/// Basic authentication with a [`PasswordVerifier`]. See the [module docs](super).
#[derive(Clone)]
pub struct Basic<V> {
    verifier: V,
    challenge: Challenges,
}

impl<V: PasswordVerifier> Basic<V> {
    /// Asks for a password for `realm`, and `verifier` about it.
    ///
    /// The realm is shown to users by some clients. Quotes in it are escaped, control characters
    /// dropped.
    pub fn new(realm: &str, verifier: V) -> Self {
        let challenge = Challenge::new("Basic")
            .param("realm", realm)
            .param("charset", "UTF-8");
        Self {
            verifier,
            challenge: challenge.into(),
        }
    }
}

impl<V: PasswordVerifier> Scheme for Basic<V> {
    type Credential = PasswordCredentials;
    type Future = BasicFuture<V::Future>;

    fn name(&self) -> &'static str {
        NAME
    }

    fn extract(&self, parts: &Parts) -> Result<Option<PasswordCredentials>, AuthError> {
        let Some(encoded) = authorization(&parts.headers, "Basic") else {
            return Ok(None);
        };
        let credentials = parse(encoded)?;
        if credentials.username().is_empty() {
            return Err(AuthError::malformed("basic_no_user"));
        }
        Ok(Some(match parts.extensions.get::<ClientAddress>() {
            Some(address) => credentials.with_client_address(*address),
            None => credentials,
        }))
    }

    fn verify(&self, credentials: PasswordCredentials) -> Self::Future {
        BasicFuture {
            future: self.verifier.verify(credentials),
        }
    }

    fn verify_now(&self, credentials: PasswordCredentials) -> Verdict<PasswordCredentials> {
        match self.verifier.verify_now(credentials) {
            Verdict::Now(result) => Verdict::Now(result.map(|identity| identity.with_scheme(NAME))),
            wait @ Verdict::Wait(_) => wait,
        }
    }

    fn challenge(&self, _error: Option<&AuthError>) -> Challenges {
        self.challenge.clone()
    }
}

impl<V> fmt::Debug for Basic<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Basic").finish_non_exhaustive()
    }
}

pin_project! {
    /// Verifies a password and names the identity's scheme.
    #[derive(Debug)]
    pub struct BasicFuture<F> {
        #[pin]
        future: F,
    }
}

impl<F> Future for BasicFuture<F>
where
    F: Future<Output = Result<Identity, AuthError>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project()
            .future
            .poll(cx)
            .map_ok(|identity| identity.with_scheme(NAME))
    }
}
