//! The issuer and the form of its tokens (RFC 9068).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::{
    AuthError, AuthErrorKind, ConfigError, Event, EventKind, random_bytes, unix_seconds,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, Response};
use serde::Serialize;

use super::keys::Signing;
use super::metadata::IssuerMetadataBuilder;
use super::published::{MAX_AGE, answer};
use super::{AccessToken, AccessTokenRequest, IssuerBuilder, SigningKeys};
use crate::{Keys, PolicyBuilder, VerificationPolicy};

/// Makes access tokens (RFC 9068) and publishes the keys that verify them.
///
/// Cheap to clone.
///
/// ```
/// # #[cfg(any(feature = "aws-lc", feature = "rust-crypto"))] {
/// use jwt_layer::{AccessTokenRequest, Algorithm, Issuer, Jwt, SigningKey};
///
/// let key = SigningKey::generate(Algorithm::Es256)?;
/// let issuer = Issuer::builder("https://id.example.com", "https://api.example.com", key).build()?;
///
/// let token = issuer.issue(&AccessTokenRequest::new("user-17"))?;
/// let jwt = Jwt::new(issuer.policy().build()?, issuer.verifying_keys());
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let identity = jwt.verify_token(token.expose()).await?;
/// assert_eq!(identity.subject(), "user-17");
/// # Ok::<_, auth_layer::AuthError>(()) })?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Issuer {
    inner: Arc<Inner>,
}

struct Inner {
    config: IssuerBuilder,
    signing: Signing,
}

#[derive(Serialize)]
struct Payload<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    client_id: &'a str,
    iat: u64,
    /// The millisecond of `iat`, by which revocation tells tokens within one second apart.
    iat_ms: u64,
    exp: u64,
    jti: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    roles: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", serialize_with = "names")]
    amr: BTreeMap<&'static str, u64>,
    /// When each factor was proved, because `auth_time` is but one time.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    amr_at: BTreeMap<&'static str, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    /// What its holder has to prove (RFC 7800).
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<Bound>,
}

#[derive(Serialize)]
struct Bound {
    #[serde(skip_serializing_if = "Option::is_none")]
    jkt: Option<String>,
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
}

fn names<S: serde::Serializer>(
    factors: &BTreeMap<&'static str, u64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(factors.keys())
}

impl Issuer {
    /// Starts an issuer that names itself `issuer`, makes tokens for `audience`, and signs with
    /// `keys`: one [`SigningKey`](crate::SigningKey), or a ring of them that nodes share and that is
    /// rotated (`KeyRing`, feature `key-ring`).
    pub fn builder(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        keys: impl Into<SigningKeys>,
    ) -> IssuerBuilder {
        IssuerBuilder::new(issuer.into(), audience.into(), keys.into())
    }

    pub(super) fn new(config: IssuerBuilder) -> Result<Self, ConfigError> {
        let signing = Signing::new(&config.keys)?;
        Ok(Self {
            inner: Arc::new(Inner { config, signing }),
        })
    }

    /// Makes a token.
    ///
    /// # Errors
    ///
    /// Refuses an empty subject, and a subject that is the client's own id. Refuses, with 403, a
    /// request that was made from the identity of an API key: a key is not to be changed for
    /// something that outlives its revocation and is not known for a key; and one that was made from
    /// an identity of another issuer, whose subjects are not ours. Fails if the system has no
    /// randomness or the key does not sign.
    pub fn issue(&self, request: &AccessTokenRequest) -> Result<AccessToken, AuthError> {
        if request.from_key {
            return Err(AuthError::new(
                AuthErrorKind::Forbidden,
                "keys_get_no_tokens",
            ));
        }
        let config = &self.inner.config;
        let vouched_by = request.vouched_by.as_deref();
        if vouched_by.is_some_and(|issuer| issuer != config.issuer) {
            let reason = "principal_of_another_issuer";
            return Err(AuthError::new(AuthErrorKind::Forbidden, reason));
        }
        let client_id = request.client_id.as_deref().unwrap_or(&config.client_id);
        if request.subject.is_empty() || request.subject == client_id {
            return Err(internal("impossible_subject"));
        }
        let now = config.clock.now();
        let expires_at = now + config.lifetime;
        let token_id = URL_SAFE_NO_PAD.encode(random_bytes::<16>()?);

        let mut factors = BTreeMap::new();
        for factor in &request.factors {
            let latest = factors.entry(factor.kind().as_str()).or_insert(0);
            *latest = unix_seconds(factor.proved_at()).max(*latest);
        }
        let auth_time = request.auth_time.map(unix_seconds);
        let auth_time = auth_time.or_else(|| factors.values().copied().max());
        let differ = factors.values().any(|time| Some(*time) != auth_time);
        let amr_at = if differ {
            factors.clone()
        } else {
            BTreeMap::new()
        };
        let scope = request.scopes.to_string();
        let payload = Payload {
            iss: &config.issuer,
            aud: &config.audience,
            sub: &request.subject,
            client_id,
            iat: unix_seconds(now),
            iat_ms: unix_millis(now),
            exp: unix_seconds(expires_at),
            jti: &token_id,
            scope: &scope,
            roles: &request.roles,
            tenant: request.tenant.as_deref(),
            auth_time,
            amr: factors,
            amr_at,
            acr: request.acr.as_deref(),
            sid: request.session_id.as_deref(),
            cnf: request.is_bound().then(|| Bound {
                jkt: request.key.map(|own| own.to_string()),
                certificate: request.certificate.map(|own| own.to_string()),
            }),
        };
        let token = self.inner.signing.sign(&payload, now)?;
        config.events.record(
            &Event::new(EventKind::TokenIssued)
                .with_scheme("bearer")
                .with_claimed_subject(&request.subject)
                .with_object_id(&token_id),
        );
        Ok(AccessToken {
            token,
            token_id: token_id.into(),
            token_type: match request.key {
                Some(_) => "DPoP",
                None => "Bearer",
            },
            scopes: request.scopes.clone(),
            expires_in: Duration::from_secs(config.lifetime.as_secs()),
            expires_at,
        })
    }

    /// The public keys, as a JWKS document to publish (`application/jwk-set+json`, at
    /// `/.well-known/jwks.json`). A secret is never among them. Ask anew for each answer; it is
    /// cheap.
    #[must_use]
    pub fn jwks(&self) -> Arc<str> {
        self.inner.signing.jwks()
    }

    /// The answer to a request for the public keys, with `Cache-Control` and `ETag`; 304 if `request`,
    /// its headers, says that the same document is there already. It may be kept for 5 minutes, or, of
    /// a ring, for half of the time that a key is published before it signs, if that is shorter.
    ///
    /// ```
    /// # use axum::{Router, routing::get};
    /// # use http::HeaderMap;
    /// # fn routes(issuer: jwt_layer::Issuer) -> Router {
    /// let jwks = get(async move |headers: HeaderMap| issuer.jwks_response(&headers));
    /// Router::new().route("/.well-known/jwks.json", jwks)
    /// # }
    /// ```
    pub fn jwks_response(&self, request: &HeaderMap) -> Response<String> {
        let max_age = self.inner.signing.max_age().min(MAX_AGE);
        answer(request, "application/jwk-set+json", &self.jwks(), max_age)
    }

    /// Starts the document that says where this issuer's keys and endpoints are (RFC 8414).
    pub fn metadata(&self) -> IssuerMetadataBuilder {
        IssuerMetadataBuilder::new(&self.inner.config.issuer)
    }

    /// The keys that verify this issuer's tokens, for a [`Jwt`](crate::Jwt) in the same process.
    pub fn verifying_keys(&self) -> Keys {
        self.inner.signing.verifying_keys()
    }

    /// A policy for this issuer's tokens, to be refined or built.
    pub fn policy(&self) -> PolicyBuilder {
        let config = &self.inner.config;
        VerificationPolicy::access_token(config.issuer.as_str(), config.audience.as_str())
            .algorithms(self.inner.signing.algorithms())
    }

    /// What the issuer names itself.
    pub fn name(&self) -> &str {
        &self.inner.config.issuer
    }

    /// Whom its tokens are for.
    pub fn audience(&self) -> &str {
        &self.inner.config.audience
    }

    /// The `client_id` of tokens that no other client asked for.
    pub fn client_id(&self) -> &str {
        &self.inner.config.client_id
    }

    /// How long its tokens live, by their `exp`: what
    /// [`SubjectRevocation::new`](auth_layer::SubjectRevocation::new) asks for. Verifiers accept a
    /// token for their leeway longer, which is what a store of revocations adds by itself.
    pub fn lifetime(&self) -> Duration {
        self.inner.config.lifetime
    }
}

pub(super) fn internal(reason: &'static str) -> AuthError {
    AuthError::new(AuthErrorKind::Internal, reason)
}

fn unix_millis(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer")
            .field("issuer", &self.inner.config.issuer)
            .field("audience", &self.inner.config.audience)
            .field("keys", &self.inner.config.keys)
            .finish_non_exhaustive()
    }
}
