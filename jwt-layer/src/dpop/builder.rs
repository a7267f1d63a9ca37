//! Options of [`Dpop`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use auth_layer::{ConfigError, Origin, SharedClock, SharedSingleUse};
use http::Uri;
use http::request::Parts;

use super::nonce::Nonces;
use super::{Dpop, Inner};
use crate::VerificationPolicy;
use crate::kind::DpopProof;

/// Options of [`Dpop`], from [`Dpop::builder`].
#[must_use]
pub struct DpopBuilder {
    origin: Origin,
    used: SharedSingleUse,
    policy: Option<VerificationPolicy<DpopProof>>,
    nonces: Option<(Vec<u8>, Duration)>,
    prefix: String,
    original_uri: Option<OriginalUri>,
    required: bool,
    clock: SharedClock,
}

pub(super) type OriginalUri = Arc<dyn Fn(&Parts) -> Option<Uri> + Send + Sync>;

impl DpopBuilder {
    pub(super) fn new(origin: Origin, used: SharedSingleUse) -> Self {
        Self {
            origin,
            used,
            policy: None,
            nonces: None,
            prefix: String::new(),
            original_uri: None,
            required: false,
            clock: SharedClock::system(),
        }
    }

    /// What proofs must be. Default: [`VerificationPolicy::dpop_proof`] with a leeway of 10 seconds,
    /// so that a proof is good for 70 seconds, signed with any asymmetric algorithm.
    pub fn policy(mut self, policy: VerificationPolicy<DpopProof>) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Demands a nonce of ours in each proof, so that none can be made long before its use, whatever
    /// the client's clock shows (RFC 9449 section 8). Default: off.
    ///
    /// Nonces are authentic and dated, and nothing is kept of them: nodes with the same `key`, of at
    /// least 32 random bytes, take each other's. They live for `lifetime`, 20 seconds to an hour. The one
    /// to use next (`DPoP-Nonce`) comes with the response to a request that was admitted with a proof, and
    /// with the refusal of a proof that has none that lives; with other refusals it does not. A token
    /// endpoint adds [`Dpop::nonce_header`] to its answer.
    pub fn nonces(mut self, key: impl Into<Vec<u8>>, lifetime: Duration) -> Self {
        self.nonces = Some((key.into(), lifetime));
        self
    }

    /// What a proxy takes away from the beginning of each path before it passes a request on, such as
    /// `/api`. Default: nothing.
    pub fn mounted_at(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Where to find the URI that the client asked for, if the layer lies where the path was changed
    /// already. A request for which `find` returns `None` is taken as it is.
    ///
    /// A layer inside axum's `Router::nest` sees a path without the prefix:
    ///
    /// ```
    /// # use auth_layer::{MemorySingleUse, Origin};
    /// # use jwt_layer::Dpop;
    /// use axum::extract::OriginalUri;
    ///
    /// # let origin: Origin = "https://api.example.com".parse()?;
    /// # let used = MemorySingleUse::new();
    /// let dpop = Dpop::builder(origin, used)
    ///     .original_uri(|parts| parts.extensions.get::<OriginalUri>().map(|uri| uri.0.clone()))
    ///     .build()?;
    /// # let _ = dpop;
    /// # Ok::<(), auth_layer::ConfigError>(())
    /// ```
    pub fn original_uri(
        mut self,
        find: impl Fn(&Parts) -> Option<Uri> + Send + Sync + 'static,
    ) -> Self {
        self.original_uri = Some(Arc::new(find));
        self
    }

    /// Takes bound tokens only: others are refused, and no `Bearer` challenge is offered. Default: off.
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The clock that proofs are judged by where there is no [`Jwt`](crate::Jwt) with one of its own:
    /// at a token endpoint. Default: the system's.
    pub fn clock(mut self, clock: impl Into<SharedClock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// Checks the options.
    ///
    /// # Errors
    ///
    /// Names the option that cannot work.
    pub fn build(self) -> Result<Dpop, ConfigError> {
        let policy = match self.policy {
            Some(policy) => policy,
            None => VerificationPolicy::dpop_proof()
                .leeway(Duration::from_secs(10))
                .build()?,
        };
        let prefix = self.prefix.trim_end_matches('/');
        if !prefix.is_empty() && (!prefix.starts_with('/') || prefix.contains(['?', '#', ' '])) {
            return Err(ConfigError::new("mounted_at", "must be a path"));
        }
        let nonces = self
            .nonces
            .map(|(key, lifetime)| Nonces::new(&key, &self.origin, lifetime));
        Ok(Dpop {
            inner: Arc::new(Inner {
                nonces: nonces.transpose()?,
                algorithms: policy.algorithm_names(),
                policy,
                origin: self.origin,
                used: self.used,
                prefix: prefix.into(),
                original_uri: self.original_uri,
                required: self.required,
                clock: self.clock,
            }),
        })
    }
}

impl fmt::Debug for DpopBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopBuilder")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}
