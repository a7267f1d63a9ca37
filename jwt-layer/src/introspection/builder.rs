//! Options of [`Introspection`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use auth_layer::{ConfigError, SharedClock};
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;

use super::answer::Rules;
use super::client::Asker;
use super::{ClientAuthentication, Inner, Introspection};
use crate::kind::IntrospectionResponse;
use crate::scheme::Challenger;
use crate::{HttpLimits, SecureUrl, SharedHttpClient, SharedRevocations, TokenVerifier};

/// Options of [`Introspection`], from [`Introspection::builder`].
#[must_use]
pub struct IntrospectionBuilder {
    issuer: Arc<str>,
    audience: Option<Box<str>>,
    endpoint: SecureUrl,
    authentication: Option<ClientAuthentication>,
    client: Option<SharedHttpClient>,
    limits: HttpLimits,
    signed: Option<TokenVerifier<IntrospectionResponse>>,
    client_tokens: bool,
    clock: SharedClock,
    revocations: Option<SharedRevocations>,
    realm: Box<str>,
    opaque_only: bool,
    left: Vec<Box<str>>,
    remember_for: Duration,
    capacity: usize,
    max_questions: usize,
}

/// The longest that an answer may be remembered.
const MAX_REMEMBERED: Duration = Duration::from_secs(60);

impl IntrospectionBuilder {
    pub(super) fn new(issuer: Arc<str>, audience: Box<str>, endpoint: SecureUrl) -> Self {
        Self {
            issuer,
            audience: Some(audience),
            endpoint,
            authentication: None,
            client: None,
            limits: HttpLimits::new(),
            signed: None,
            client_tokens: false,
            clock: SharedClock::system(),
            revocations: None,
            realm: Box::from("api"),
            opaque_only: false,
            left: Vec::new(),
            remember_for: MAX_REMEMBERED,
            capacity: 10_000,
            max_questions: 32,
        }
    }

    /// How this service proves to the issuer who it is. Required.
    pub fn client_authentication(mut self, authentication: ClientAuthentication) -> Self {
        self.authentication = Some(authentication);
        self
    }

    /// What sends the questions. Required.
    pub fn http_client(mut self, client: impl Into<SharedHttpClient>) -> Self {
        self.client = Some(client.into());
        self
    }

    /// What a question may cost. Default: 5 seconds, 512 KiB.
    pub fn limits(mut self, limits: HttpLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Takes signed answers only (RFC 9701), verified by `verifier`. Default: plain JSON.
    pub fn signed(mut self, verifier: TokenVerifier<IntrospectionResponse>) -> Self {
        self.signed = Some(verifier);
        self
    }

    /// Takes tokens for whatever audience, and those whose answer names none. For issuers that tell each
    /// service only of its own tokens; with others, every service could use its callers' tokens here.
    pub fn insecure_any_audience(mut self) -> Self {
        self.audience = None;
        self
    }

    /// Takes tokens that a client got for itself, whose `sub` is its `client_id`. Their identities carry
    /// [`ClientToken`](crate::ClientToken). Default: refused.
    pub fn accept_client_tokens(mut self) -> Self {
        self.client_tokens = true;
        self
    }

    /// The clock that `exp` and what is remembered are judged by. Default: the system's.
    pub fn clock(mut self, clock: impl Into<SharedClock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// Asks, for every token, whether it was taken back, also where the answer is remembered.
    pub fn revocations(mut self, revocations: impl Into<SharedRevocations>) -> Self {
        self.revocations = Some(revocations.into());
        self
    }

    /// The realm of the challenge. Default: `api`.
    pub fn realm(mut self, realm: impl Into<Box<str>>) -> Self {
        self.realm = realm.into();
        self
    }

    /// Leaves tokens that have the shape of a JWT, three parts of which the first starts with `ey`, to
    /// another scheme, such as a [`Jwt`](crate::Jwt) with [`leave_opaque`](crate::Jwt::leave_opaque).
    /// They then count as nothing sent, and so does every token with a DPoP proof.
    pub fn opaque_only(mut self) -> Self {
        self.opaque_only = true;
        self
    }

    /// Leaves tokens that start with `prefix` to another scheme, such as API keys.
    pub fn leave_prefix(mut self, prefix: impl Into<Box<str>>) -> Self {
        self.left.push(prefix.into());
        self
    }

    /// How long an answer is remembered at most. Default: a minute, which is the most; zero asks for every
    /// request.
    pub fn remember_for(mut self, duration: Duration) -> Self {
        self.remember_for = duration;
        self
    }

    /// How many tokens are remembered. Default: 10,000.
    pub fn capacity(mut self, tokens: usize) -> Self {
        self.capacity = tokens;
        self
    }

    /// How many questions are under way at once; more wait, as long as one may take. Default: 32.
    pub fn max_questions(mut self, questions: usize) -> Self {
        self.max_questions = questions;
        self
    }

    /// Checks the options.
    ///
    /// # Errors
    ///
    /// Names the option that is missing or cannot work.
    pub fn build(self) -> Result<Introspection, ConfigError> {
        let missing = |option| ConfigError::new(option, "is required");
        let refuse = |option, problem: &str| Err(ConfigError::new(option, problem));
        if self.issuer.is_empty() {
            return refuse("issuer", "must not be empty");
        }
        if self.audience.as_ref().is_some_and(|own| own.is_empty()) {
            return refuse("audience", "must not be empty");
        }
        if self.left.iter().any(|prefix| prefix.is_empty()) {
            return refuse(
                "leave_prefix",
                "must not be empty: every token begins with that",
            );
        }
        if self.remember_for > MAX_REMEMBERED {
            return refuse("remember_for", "must be at most a minute");
        }
        if !(1..=10_000_000).contains(&self.capacity) {
            return refuse("capacity", "must be 1 to 10,000,000");
        }
        if !(1..=10_000).contains(&self.max_questions) {
            return refuse("max_questions", "must be 1 to 10,000");
        }
        Ok(Introspection {
            inner: Arc::new(Inner {
                asker: Asker {
                    endpoint: self.endpoint,
                    client: self.client.ok_or_else(|| missing("http_client"))?,
                    limits: self.limits,
                    authentication: self
                        .authentication
                        .ok_or_else(|| missing("client_authentication"))?,
                    signed: self.signed,
                },
                rules: Rules {
                    issuer: self.issuer,
                    audience: self.audience,
                    client_tokens: self.client_tokens,
                },
                clock: self.clock,
                revocations: self.revocations,
                challenger: Challenger::new().realm(self.realm),
                opaque_only: self.opaque_only,
                left: self.left,
                remember_for: self.remember_for,
                known: Cache::new(self.capacity),
                questions: Semaphore::new(self.max_questions),
            }),
        })
    }
}

impl fmt::Debug for IntrospectionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectionBuilder")
            .field("issuer", &self.issuer)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}
