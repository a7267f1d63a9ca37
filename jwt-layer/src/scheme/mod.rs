//! The scheme: `Authorization: Bearer` (RFC 6750).

mod challenge;
mod issuers;
mod possession;
mod token;
mod transport;
mod verify;

use std::fmt;
use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use auth_layer::{
    AuthError, AuthErrorKind, AuthLayer, Challenges, ConfigError, Identity, ResponseHeaders,
    Revocations as _, Scheme, SharedClock, Verdict, VerifyFuture, authorization,
};
use http::header::{AUTHORIZATION, CACHE_CONTROL};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

pub(crate) use self::challenge::Challenger;
use self::issuers::Issuers;
use self::possession::Presented;
pub use self::token::BearerToken;
use self::transport::{CameByQuery, TokenCookie, Transport};
use self::verify::Taken;
pub(crate) use self::verify::Verified;
use crate::binding::Confirmation;
use crate::cache::{DEFAULT_CAPACITY, TokenCache};
use crate::dpop::PROOF;
use crate::token::{Compact, looks_like_jwt};
use crate::verifier::Trusted;
use crate::{
    CertificateThumbprint, ClientCertificate, Dpop, Keys, SecureUrl, SharedRevocations,
    TenantIssuers, VerificationPolicy,
};

/// Bearer tokens that are JWTs.
///
/// A token is taken from the `Authorization` header, whose scheme name is matched without regard to
/// case, and from nowhere else unless [`cookie`](Self::cookie) or
/// [`insecure_query_token`](Self::insecure_query_token) says so. What it must be is said by a [`VerificationPolicy`], and the
/// [`Identity`](auth_layer::Identity) that it proves has the scheme `bearer`, the issuer of the
/// policy, and the claims as [`raw_claims`](auth_layer::Identity::raw_claims).
///
/// Tokens that were verified are kept for a while, so that their signatures are not checked for every
/// request: see [`cache_capacity`](Self::cache_capacity).
///
/// With fixed keys and without revocations, or with revocations in memory, a token is verified
/// without waiting and without a boxed future.
///
/// Cheap to clone; see the [crate's documentation](crate) for an example.
#[derive(Clone)]
pub struct Jwt {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    /// Another number for every change of the rest.
    rules: u64,
    issuers: Issuers,
    clock: SharedClock,
    revocations: Option<SharedRevocations>,
    challenger: Challenger,
    left: Vec<Box<str>>,
    opaque_left: bool,
    max_token_size: usize,
    cache: Option<TokenCache>,
    dpop: Option<Dpop>,
    certificates: bool,
    cookie: Option<TokenCookie>,
    query: bool,
}

/// What errors about tokens with a DPoP proof name as their scheme.
const SCHEME: &str = "dpop";

impl Jwt {
    /// Accepts tokens that fulfil `policy` and are signed with one of `keys`.
    #[must_use]
    pub fn new(policy: VerificationPolicy, keys: impl Into<Keys>) -> Self {
        let mut issuers = Issuers::default();
        issuers.add(Trusted {
            policy,
            keys: keys.into(),
        });
        Self::of(issuers)
    }

    /// Accepts tokens of the issuers in this list, as it is at the time of each request.
    #[must_use]
    pub fn for_tenants(tenants: TenantIssuers) -> Self {
        let mut issuers = Issuers::default();
        issuers.add_tenants(tenants);
        Self::of(issuers)
    }

    fn of(issuers: Issuers) -> Self {
        Self {
            inner: Arc::new(Inner {
                rules: next_rules(),
                max_token_size: issuers.max_token_size(),
                issuers,
                clock: SharedClock::system(),
                revocations: None,
                challenger: Challenger::new(),
                left: Vec::new(),
                opaque_left: false,
                // Without randomness nothing is kept.
                cache: TokenCache::new(DEFAULT_CAPACITY).ok(),
                dpop: None,
                certificates: false,
                cookie: None,
                query: false,
            }),
        }
    }

    /// Accepts tokens of another issuer too. The `iss` of a token picks the policy and the keys;
    /// one issuer's keys never verify a token of another.
    ///
    /// # Errors
    ///
    /// Refuses a second policy for one issuer.
    pub fn trust(
        mut self,
        policy: VerificationPolicy,
        keys: impl Into<Keys>,
    ) -> Result<Self, ConfigError> {
        if self.inner.issuers.fixed().any(|one| one == policy.issuer()) {
            return Err(ConfigError::new("issuer", "is trusted already"));
        }
        let inner = self.change();
        inner.issuers.add(Trusted {
            policy,
            keys: keys.into(),
        });
        inner.max_token_size = inner.issuers.max_token_size();
        Ok(self)
    }

    /// Accepts tokens of the issuers in this list too, as it is at the time of each request. An issuer
    /// that is [trusted](Self::trust) anyway is not looked up there.
    #[must_use]
    pub fn trust_tenants(mut self, tenants: TenantIssuers) -> Self {
        let inner = self.change();
        inner.issuers.add_tenants(tenants);
        inner.max_token_size = inner.issuers.max_token_size();
        self
    }

    /// Asks, for every token, whether it was taken back.
    ///
    /// A token counts as issued at its `iat`, less the leeway of the policy, unless it is of our own
    /// [`Issuer`](crate::Issuer) and says the millisecond: the issuer's clock may run ahead, and a
    /// token from before a revocation must not survive it. So, after everything of a subject was
    /// revoked, another issuer's tokens are good again once the leeway has passed.
    #[must_use]
    pub fn revocations(mut self, revocations: impl Into<SharedRevocations>) -> Self {
        self.change().revocations = Some(revocations.into());
        self
    }

    /// Takes back the token that proved `identity`, in the store of
    /// [`revocations`](Self::revocations): for logging out by a token.
    ///
    /// # Errors
    ///
    /// Fails with `Misconfigured` without such a store, and with `Internal` for an identity that no
    /// token of a trusted issuer with a `jti` has proved: then everything of the subject can be
    /// revoked ([`SubjectRevocation`](crate::SubjectRevocation)). Fails if the store cannot be
    /// written to.
    pub async fn revoke(&self, identity: &Identity) -> Result<(), AuthError> {
        let Some(revocations) = &self.inner.revocations else {
            return Err(AuthError::new(
                AuthErrorKind::Misconfigured,
                "no_revocations",
            ));
        };
        let issuer = identity.issuer();
        let issuer = issuer.filter(|issuer| self.inner.issuers.find(issuer).is_some());
        let (Some(issuer), Some(token_id), Some(end)) =
            (issuer, identity.token_id(), identity.expires_at())
        else {
            return Err(AuthError::new(
                AuthErrorKind::Internal,
                "not_a_token_with_an_id",
            ));
        };
        revocations.revoke_token(issuer, token_id, end).await
    }

    /// The clock that expiry is judged by. Default: the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Into<SharedClock>) -> Self {
        self.change().clock = clock.into();
        self
    }

    /// The realm of the challenge. Default: `api`.
    #[must_use]
    pub fn realm(mut self, realm: impl Into<Box<str>>) -> Self {
        let inner = self.change();
        inner.challenger = inner.challenger.clone().realm(realm.into());
        self
    }

    /// The URL of this service's metadata (RFC 9728), named in the challenge. Default: none.
    #[must_use]
    pub fn resource_metadata(mut self, url: &SecureUrl) -> Self {
        let inner = self.change();
        let text = url.to_string().into();
        inner.challenger = inner.challenger.clone().resource_metadata(text);
        self
    }

    /// Leaves Bearer tokens that start with `prefix` to another scheme, such as API keys. They then
    /// count as nothing sent.
    ///
    /// # Errors
    ///
    /// Refuses a prefix that JWTs have: one that is empty, `e`, or begins with `ey` or `ew`, as a JSON
    /// object in base64 does. Refuses characters that no token has (RFC 6750 section 2.1).
    pub fn leave_prefix(mut self, prefix: impl Into<Box<str>>) -> Result<Self, ConfigError> {
        let prefix = prefix.into();
        let refuse = |problem: &str| Err(ConfigError::new("leave_prefix", problem));
        let in_token = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b);
        if !prefix.bytes().all(in_token) {
            return refuse("has a character that no token has");
        }
        let of_jwts = |start: &str| prefix.starts_with(start) || start.starts_with(&*prefix);
        if of_jwts("ey") || of_jwts("ew") {
            return refuse("is one that JWTs have");
        }
        self.change().left.push(prefix);
        Ok(self)
    }

    /// Leaves Bearer tokens that do not look like a JWT to another scheme, such as
    /// `Introspection` (feature `remote`). They then count as nothing sent. Default: refused.
    ///
    /// What looks like a JWT has three parts between two dots, and starts with `ey`. It is never left,
    /// however ill-formed it is. Nor is a token with a DPoP proof.
    ///
    /// Somebody else has to look at what is left: by this scheme alone, its sender is anonymous.
    /// [`AuthLayer::refuse_unclaimed`] refuses what nobody has looked at.
    #[must_use]
    pub fn leave_opaque(mut self) -> Self {
        self.change().opaque_left = true;
        self
    }

    /// How many verified tokens are kept. Default: 10,000, which take about 12 MB once there are so
    /// many; up to 10,000,000. A token with more than 512 bytes of claims takes the room of several.
    ///
    /// A signature is by far the dearest part of a request, and most tokens are seen many times. What
    /// a hit skips is only what cannot have changed. Time, key and revocation are asked anew every
    /// time, so a token is refused as soon as it ends, its key leaves the set, or it is taken back.
    /// A token is found by a hash of its whole text, of 256 bits under a random key, and only by the
    /// verifier that has verified it. Tokens that were refused are not kept.
    ///
    /// What is kept is the hash and the identity with its claims, until others displace it or the
    /// token is sent once more after its end; [`without_cache`](Self::without_cache) is for whom that
    /// is too long. The token itself is not kept.
    ///
    /// # Errors
    ///
    /// Refuses 0 and more than 10,000,000. Fails if the system has no randomness.
    pub fn cache_capacity(mut self, tokens: usize) -> Result<Self, ConfigError> {
        self.change().cache = Some(TokenCache::new(tokens)?);
        Ok(self)
    }

    /// Keeps no tokens: every signature is checked, for every request.
    #[must_use]
    pub fn without_cache(mut self) -> Self {
        self.change().cache = None;
        self
    }

    /// How many verified tokens are kept at present.
    pub fn cached_tokens(&self) -> usize {
        self.inner.cache.as_ref().map_or(0, TokenCache::len)
    }

    /// The options, to be changed. What was verified by the old ones is forgotten.
    fn change(&mut self) -> &mut Inner {
        let inner = Arc::make_mut(&mut self.inner);
        inner.rules = next_rules();
        if let Some(cache) = &mut inner.cache {
            *cache = cache.clone();
        }
        inner
    }

    /// Takes tokens with DPoP proofs (RFC 9449): `Authorization: DPoP <token>` and one `DPoP` header.
    ///
    /// A token that is bound to a key (`cnf.jkt`) is good with a proof by this key only, and one that is
    /// not bound only as `Bearer`. Without this option bound tokens are refused. The clock is that of
    /// this scheme.
    ///
    /// A proof cannot pass two layers: the first uses it up, and the second refuses the request. So put
    /// one layer around all routes, and what differs into their guards.
    #[must_use]
    pub fn dpop(mut self, dpop: Dpop) -> Self {
        self.change().dpop = Some(dpop);
        self
    }

    /// Takes tokens that are bound to the client's certificate (RFC 8705, `cnf["x5t#S256"]`), from
    /// clients whose [`ClientCertificate`] it is. Without this option they are refused.
    #[must_use]
    pub fn certificate_bound_tokens(mut self) -> Self {
        self.change().certificates = true;
        self
    }

    /// A layer with this scheme alone.
    pub fn into_layer(self) -> AuthLayer<Self> {
        AuthLayer::new(self)
    }

    /// Verifies a token that came by other means than a header: in a WebSocket message, a job, a
    /// command line.
    pub fn verify_token(&self, token: &str) -> VerifyFuture {
        verify::start(&self.inner, BearerToken::from_text(token))
    }
}

/// A number that no rules had before.
fn next_rules() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

const BEARER: &str = "Bearer";
const DPOP: &str = "DPoP";

impl Inner {
    /// The client's certificate, where it matters.
    fn certificate(&self, parts: &Parts) -> Option<CertificateThumbprint> {
        if !self.certificates {
            return None;
        }
        let certificate = parts.extensions.get::<ClientCertificate>()?;
        Some(*certificate.thumbprint())
    }

    fn extract_from_header(&self, parts: &Parts) -> Result<Option<BearerToken>, AuthError> {
        let Some(token) = authorization(&parts.headers, BEARER) else {
            return self.extract_proved(parts);
        };
        let mut left = self.left.iter();
        if left.any(|prefix| token.starts_with(prefix.as_bytes()))
            || (self.opaque_left && !looks_like_jwt(token))
        {
            return Ok(None);
        }
        let found = match self.take(token) {
            Taken::Known(token) => Some(token),
            Taken::Unknown(note) => {
                if !Compact::split(token, self.max_token_size)?.may_have_object() {
                    return Err(AuthError::malformed("unreadable_header"));
                }
                let value = parts.headers.get(AUTHORIZATION).cloned();
                value.map(|value| {
                    let mut token = BearerToken::from_header(value, BEARER);
                    if let Some(note) = note {
                        token.note(self.rules, note);
                    }
                    token
                })
            }
        };
        Ok(found.map(|token| match self.certificate(parts) {
            None => token,
            certificate => token.with(Presented {
                proof: None,
                certificate,
            }),
        }))
    }

    /// A token that comes with a proof.
    fn extract_proved(&self, parts: &Parts) -> Result<Option<BearerToken>, AuthError> {
        let Some(dpop) = &self.dpop else {
            return Ok(None);
        };
        let (Some(token), Some(value)) = (
            authorization(&parts.headers, DPOP),
            parts.headers.get(AUTHORIZATION),
        ) else {
            return Ok(None);
        };
        let presented = Compact::split(token, self.max_token_size)
            .and_then(|_| dpop.present(parts))
            .map_err(|error| error.with_scheme(SCHEME))?;
        let token = BearerToken::from_header(value.clone(), DPOP);
        Ok(Some(token.with(Presented {
            proof: Some(presented),
            certificate: self.certificate(parts),
        })))
    }
}

impl Scheme for Jwt {
    type Credential = BearerToken;
    type Future = VerifyFuture;

    fn name(&self) -> &'static str {
        "bearer"
    }

    fn extract(&self, parts: &Parts) -> Result<Option<BearerToken>, AuthError> {
        self.inner.extract(parts)
    }

    fn verify(&self, credential: BearerToken) -> VerifyFuture {
        let transport = credential.transport();
        let verified = verify::start(&self.inner, credential);
        if transport == Transport::Header {
            return verified;
        }
        VerifyFuture::waiting(async move { transport.judge(verified.await) })
    }

    fn verify_now(&self, credential: BearerToken) -> Verdict<BearerToken> {
        let transport = credential.transport();
        match verify::start_now(&self.inner, credential) {
            Verdict::Now(result) => Verdict::Now(transport.judge(result)),
            wait @ Verdict::Wait(_) => wait,
        }
    }

    fn challenge(&self, error: Option<&AuthError>) -> Challenges {
        let Some(dpop) = &self.inner.dpop else {
            return self.inner.challenger.challenge(error);
        };
        let now = self.inner.clock.now();
        self.inner.challenger.challenge_both(dpop, error, now)
    }

    fn response_headers(&self, identity: &Identity) -> ResponseHeaders {
        let mut headers = ResponseHeaders::none();
        if identity.extra::<CameByQuery>().is_some() {
            headers.set(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if let Some(dpop) = &self.inner.dpop
            && identity
                .extra::<Confirmation>()
                .is_some_and(|of| of.key().is_some())
            && let Some((name, value)) = dpop.nonce_header_at(self.inner.clock.now())
        {
            headers.set(name, value);
        }
        headers
    }

    fn conceal(&self, headers: &mut HeaderMap) {
        let proof = self.inner.dpop.is_some().then_some(PROOF);
        for name in iter::once(AUTHORIZATION).chain(proof) {
            if let Some(value) = headers.get_mut(name) {
                value.set_sensitive(true);
            }
        }
        self.inner.conceal_cookie(headers);
    }

    /// What comes by a cookie or in the query leaves the header to others.
    fn claims_authorization(&self, credential: &BearerToken) -> bool {
        credential.transport() == Transport::Header
    }

    fn answers_for(&self, scheme: &str) -> bool {
        scheme == self.name() || (scheme == SCHEME && self.inner.dpop.is_some())
    }

    fn explains_missing_scope(&self) -> bool {
        true
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt")
            .field("issuers", &self.inner.issuers.fixed().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
