//! The scheme: which requests are let through.

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use http::Uri;
use http::request::Parts;

use super::algorithm::HashOutput;
use super::nonce::{LiveNonce, Nonces};
use super::response::{complete, signed};
use super::{
    Algorithm, DigestBuilder, DigestRecord, DigestResponse, DigestStore, Ha1, NAME, NonceCounters,
    NonceId, ResponseInput, SharedDigestStore, SharedNonceCounters, UserHash, target,
};
use crate::authorization::at_most_one;
use crate::{
    AuthError, AuthErrorKind, Challenge, Challenges, Identity, Scheme, SharedClock, authorization,
};

/// HTTP Digest (RFC 7616), a [`Scheme`]. See the [module docs](super) for how it decides.
///
/// Clones share everything.
#[derive(Clone)]
pub struct Digest {
    config: Arc<Config>,
}

/// What a response protects (RFC 7616 section 3.4, `qop`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Qop {
    /// Method and address. The layer checks it.
    #[default]
    Auth,
    /// Method, address and body. A layer sees no bodies, so it only asks: requests go on anonymous,
    /// and a handler passes the body to [`Digest::verify_with_body`]. Not for layers with
    /// [`refuse_unclaimed`](crate::AuthLayer::refuse_unclaimed).
    AuthInt,
}

pub(super) type RequestTarget = Arc<dyn for<'a> Fn(&'a Parts) -> &'a Uri + Send + Sync>;

pub(super) struct Config {
    pub(super) realm: String,
    pub(super) store: SharedDigestStore,
    pub(super) counters: SharedNonceCounters,
    pub(super) nonces: Nonces,
    /// One for each algorithm on offer, in order of preference.
    pub(super) dummies: Vec<Ha1>,
    pub(super) qop: Qop,
    pub(super) userhash: bool,
    pub(super) clock: SharedClock,
    pub(super) request_target: Option<RequestTarget>,
}

/// What [`Digest`] found in a request: fit to be checked against a password.
pub struct DigestCredentials {
    user: User,
    response: HashOutput,
    /// All that the response was computed over, behind `H(A1)`.
    signed: String,
    nonce: NonceId,
    count: u32,
    expires_at: SystemTime,
}

enum User {
    Name(String),
    Hash(UserHash),
}

impl DigestCredentials {
    /// The user who is claimed, and not yet proved: the name as it was sent, or in hexadecimal the
    /// hash that was sent in its place ([`offer_userhash`](DigestBuilder::offer_userhash)).
    ///
    /// For counting attempts: with hashes on offer, one user has a spelling for each algorithm more.
    #[must_use]
    pub fn username(&self) -> Cow<'_, str> {
        match &self.user {
            User::Name(name) => Cow::Borrowed(name),
            User::Hash(hash) => Cow::Owned(hash.to_hex()),
        }
    }
}

/// The longest `cnonce` that is taken.
const MAX_CNONCE: usize = 256;

impl Digest {
    /// Starts a configuration for `realm` and the users of `store`.
    pub fn builder(realm: impl Into<String>, store: impl DigestStore) -> DigestBuilder {
        DigestBuilder::new(realm.into(), store)
    }

    pub(super) fn new(config: Config) -> Self {
        Self {
            config: Arc::new(config),
        }
    }

    /// Checks a request with `qop=auth-int`, whose response covers the body. `Ok(None)` if it has
    /// no `Authorization: Digest`.
    ///
    /// For handlers, who have the body. Answer with the error, and the layers outside add their
    /// challenges. The body is all of it, after transfer codings and before content codings are
    /// undone. A response with `qop=auth` is refused: nothing protects the body then.
    ///
    /// ```
    /// use auth_layer::digest::Digest;
    /// use auth_layer::{AuthError, Identity, Unauthenticated};
    /// use http::Request;
    ///
    /// async fn transfer(digest: Digest, req: Request<Vec<u8>>) -> Result<Identity, AuthError> {
    ///     let (parts, body) = req.into_parts();
    ///     let identity = digest.verify_with_body(&parts, &body).await?;
    ///     identity.ok_or(Unauthenticated.into())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Scheme::extract`] and [`Scheme::verify`].
    pub fn verify_with_body(
        &self,
        parts: &Parts,
        body: &[u8],
    ) -> impl Future<Output = Result<Option<Identity>, AuthError>> + Send + use<> {
        let found = at_most_one(&parts.headers).and_then(|_| self.config.read(parts, Some(body)));
        let config = Arc::clone(&self.config);
        async move {
            let verified = async {
                match found? {
                    Some(credentials) => config.verify(credentials).await.map(Some),
                    None => Ok(None),
                }
            };
            verified.await.map_err(|error| error.with_scheme(NAME))
        }
    }
}

impl Config {
    /// All checks that need neither the user nor the counters.
    fn read(
        &self,
        parts: &Parts,
        body: Option<&[u8]>,
    ) -> Result<Option<DigestCredentials>, AuthError> {
        let Some(header) = authorization(&parts.headers, "Digest") else {
            return Ok(None);
        };
        let sent = DigestResponse::parse(header)?;
        check_qop(sent.qop(), body.is_some())?;
        let algorithm = self.algorithm(sent.algorithm())?;
        if sent.realm() != self.realm {
            return Err(AuthError::invalid("wrong_realm"));
        }
        if !target::names(sent.uri(), self.request_target(parts)) {
            return Err(AuthError::invalid("wrong_uri"));
        }
        let (nc, count) = count(sent.nc())?;
        let cnonce = match sent.cnonce() {
            Some(cnonce) if (1..=MAX_CNONCE).contains(&cnonce.len()) => cnonce,
            _ => return Err(AuthError::malformed("bad_cnonce")),
        };
        let user = self.user(algorithm, &sent)?;
        let response = HashOutput::from_hex(algorithm, sent.response())
            .ok_or_else(|| AuthError::malformed("bad_response"))?;
        let LiveNonce { id, expires_at } = self.nonces.check(sent.nonce(), self.clock.now())?;

        let input = ResponseInput {
            method: parts.method.as_str(),
            uri: sent.uri(),
            nonce: sent.nonce(),
            nc,
            cnonce,
            body,
        };
        Ok(Some(DigestCredentials {
            user,
            response,
            signed: signed(algorithm, &input),
            nonce: id,
            count,
            expires_at,
        }))
    }

    fn request_target<'a>(&self, parts: &'a Parts) -> &'a Uri {
        match &self.request_target {
            Some(target) => target(parts),
            None => &parts.uri,
        }
    }

    /// RFC 7616 section 3.4: without the parameter, MD5 is meant.
    fn algorithm(&self, sent: Option<&str>) -> Result<Algorithm, AuthError> {
        sent.map_or(Some(Algorithm::Md5), Algorithm::from_name)
            .filter(|algorithm| self.dummy(*algorithm).is_some())
            .ok_or_else(|| AuthError::invalid("algorithm_not_offered"))
    }

    fn dummy(&self, algorithm: Algorithm) -> Option<&Ha1> {
        self.dummies
            .iter()
            .find(|dummy| dummy.algorithm() == algorithm)
    }

    fn user(&self, algorithm: Algorithm, sent: &DigestResponse<'_>) -> Result<User, AuthError> {
        match (sent.is_userhash(), self.userhash) {
            (false, _) => Ok(User::Name(sent.username().to_owned())),
            (true, false) => Err(AuthError::invalid("userhash_not_offered")),
            (true, true) => UserHash::from_hex(algorithm, sent.username())
                .map(User::Hash)
                .ok_or_else(|| AuthError::malformed("bad_userhash")),
        }
    }

    async fn verify(&self, sent: DigestCredentials) -> Result<Identity, AuthError> {
        let record = match &sent.user {
            User::Name(name) => self.store.find(name).await,
            User::Hash(hash) => self.store.find_by_userhash(hash).await,
        };
        let identity = self.prove(&sent, record.map_err(could_not_ask)?)?;

        // Only now: whoever lacks the password cannot use up a nonce.
        let fresh = self
            .counters
            .advance(sent.nonce, sent.count, sent.expires_at)
            .await
            .map_err(could_not_ask)?;
        if !fresh {
            return Err(AuthError::new(AuthErrorKind::Stale, "nonce_count_replayed"));
        }
        Ok(identity.with_scheme(NAME))
    }

    /// Compares responses. An unknown user costs what a wrong password does.
    fn prove(
        &self,
        sent: &DigestCredentials,
        record: Option<DigestRecord>,
    ) -> Result<Identity, AuthError> {
        let algorithm = sent.response.algorithm();
        let known = record.as_ref().and_then(|record| record.ha1(algorithm));
        let ha1 = known.or_else(|| self.dummy(algorithm));
        let same = ha1.is_some_and(|ha1| complete(ha1, &sent.signed).ct_eq(&sent.response).into());
        match record {
            Some(record) if same && record.ha1(algorithm).is_some() => Ok(record.into_identity()),
            _ => Err(AuthError::invalid("wrong_response")),
        }
    }
}

fn check_qop(sent: Option<&str>, has_body: bool) -> Result<(), AuthError> {
    Err(AuthError::invalid(match (sent, has_body) {
        (Some("auth"), false) | (Some("auth-int"), true) => return Ok(()),
        // What RFC 2069 computed: without `cnonce` and `nc`, easier to attack.
        (None, _) => "qop_missing",
        (Some("auth-int"), false) => "body_not_at_hand",
        (Some("auth"), true) => "body_not_protected",
        (Some(_), _) => "qop_not_offered",
    }))
}

/// The parameter `nc`, as it was hashed and as a number.
fn count(sent: Option<&str>) -> Result<(&str, u32), AuthError> {
    sent.filter(|nc| nc.len() == 8 && nc.bytes().all(|digit| digit.is_ascii_hexdigit()))
        .and_then(|nc| Some((nc, u32::from_str_radix(nc, 16).ok()?)))
        .ok_or_else(|| AuthError::malformed("bad_nonce_count"))
}

/// A store that fails cannot make a credential bad, and least of all absent.
fn could_not_ask(error: AuthError) -> AuthError {
    match error.kind() {
        AuthErrorKind::Internal | AuthErrorKind::Limited | AuthErrorKind::Unavailable => error,
        _ => AuthError::unavailable("digest_store_failed").with_source(error),
    }
}

impl Scheme for Digest {
    type Credential = DigestCredentials;
    type Future = Pin<Box<dyn Future<Output = Result<Identity, AuthError>> + Send>>;

    fn name(&self) -> &'static str {
        NAME
    }

    fn extract(&self, parts: &Parts) -> Result<Option<DigestCredentials>, AuthError> {
        match self.config.qop {
            Qop::Auth => self.config.read(parts, None),
            Qop::AuthInt => Ok(None),
        }
    }

    fn verify(&self, credentials: DigestCredentials) -> Self::Future {
        let config = Arc::clone(&self.config);
        Box::pin(async move { config.verify(credentials).await })
    }

    /// One challenge for each algorithm, all with the same fresh nonce.
    fn challenge(&self, error: Option<&AuthError>) -> Challenges {
        let config = &*self.config;
        let mut challenges = Challenges::none();
        // Without randomness there is nothing to offer, and nobody gets in.
        let Ok(nonce) = config.nonces.make(config.clock.now()) else {
            return challenges;
        };
        let stale = error.is_some_and(|error| error.kind() == AuthErrorKind::Stale);
        for algorithm in config.dummies.iter().map(Ha1::algorithm) {
            let mut challenge = Challenge::new("Digest")
                .param("realm", &config.realm)
                .param("qop", config.qop.name())
                .token_param("algorithm", algorithm.name())
                .param("nonce", &nonce)
                .token_param("charset", "UTF-8")
                .token_param("userhash", if config.userhash { "true" } else { "false" });
            if stale {
                challenge = challenge.token_param("stale", "true");
            }
            challenges.push(&challenge);
        }
        challenges
    }
}

impl Qop {
    const fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithms = self.config.dummies.iter().map(Ha1::algorithm);
        f.debug_struct("Digest")
            .field("realm", &self.config.realm)
            .field("algorithms", &algorithms.collect::<Vec<_>>())
            .field("qop", &self.config.qop)
            .field("userhash", &self.config.userhash)
            .field("nonce_lifetime", &self.config.nonces.lifetime())
            .finish_non_exhaustive()
    }
}

/// Shows the user and the count. Passwords can be guessed from the rest.
impl fmt::Debug for DigestCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("DigestCredentials");
        match &self.user {
            User::Name(name) => out.field("username", name),
            User::Hash(hash) => out.field("userhash", hash),
        };
        out.field("nonce", &self.nonce)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}
