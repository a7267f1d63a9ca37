//! The scheme: a header of its own, or `Authorization: Bearer`.

mod failures;
mod limits;
mod presented;
mod proven;
mod quota;
mod sent;
mod superseded;
mod verify;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use auth_layer::{
    AuthError, AuthErrorKind, AuthLayer, Challenge, Challenges, ConfigError, Events, Identity,
    MemoryRateCounters, ResponseHeaders, Scheme, SharedClock, SharedRateCounters, Verdict,
    VerifyFuture, authorization,
};
use http::header::{AUTHORIZATION, COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};

use self::failures::FailureLimit;
pub use self::presented::PresentedKey;
pub use self::quota::KeyQuota;
use self::sent::{Sent, Values};
pub use self::superseded::SupersededKey;
use crate::{KeyFormat, KeyId, LastUses, SharedApiKeyStore, SharedKeyOwners};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// API keys.
///
/// A key is taken from `X-API-Key`, or from `Authorization: Bearer` if it starts with the prefix of
/// the format; other Bearer tokens are left to other schemes. Never from the query, which ends up
/// in logs and in `Referer`.
///
/// # How it decides
///
/// 1. Two `X-API-Key` headers, or different keys in both places: 400.
/// 2. Something that is not a key of this format, by prefix, length and checksum: 401, and no store
///    was asked and nothing hashed.
/// 3. The record is looked up by the public id. Its digest, its previous one, or a made-up one is
///    compared in constant time.
/// 4. Unknown, wrong, revoked, disabled, expired, from a wrong address or web site: one and the same 401. The
///    event says which.
/// 5. The owner is asked for: scopes and roles of the key are cut down to what the owner has now, and
///    the keys of an owner who is gone are refused. Only
///    [`danger_without_owners`](Self::danger_without_owners) leaves this out.
/// 6. A use of a key that has [limits](crate::KeyRecord::limits) is counted, once all else is good and
///    before any handler runs. Over a limit: 429 with `Retry-After`. Could not be counted: 503.
///    `RateLimit` and `RateLimit-Policy` tell what is left, on both answers.
///
/// The identity has the scheme `api-key`, the owner's subject, issuer and tenant, and the
/// [`key_id`](auth_layer::Identity::key_id). It has no factors and no `auth_time`: nobody is
/// present, so a key meets no guard that asks for proof or freshness.
///
/// # Challenge
///
/// HTTP registers no scheme for API keys, and a 401 needs a challenge (RFC 9110 section 11.6.1), so
/// it is `ApiKey realm="api", header="X-API-Key"`. It says nothing of what was wrong.
///
/// Cheap to clone; see the [crate's documentation](crate) for an example.
#[derive(Clone)]
pub struct ApiKeys {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    format: KeyFormat,
    store: SharedApiKeyStore,
    owners: Option<SharedKeyOwners>,
    header: HeaderName,
    bearer: bool,
    realm: Box<str>,
    challenge: Challenges,
    clock: SharedClock,
    events: Events,
    /// Where the limits of keys are counted.
    counters: SharedRateCounters,
    cost: Option<Arc<Cost>>,
    failures: Option<FailureLimit>,
    allows_uncounted: bool,
    /// Where it is said what to do about a replaced secret.
    deprecation_link: Option<HeaderValue>,
    last_uses: Option<LastUses>,
    own_issuer: Option<Arc<str>>,
}

type Cost = dyn Fn(&Parts) -> u32 + Send + Sync;

impl ApiKeys {
    /// Accepts keys of `format` that are kept in `store`, and asks `owners`, for every request, what
    /// the owner of the key may do now.
    #[must_use]
    pub fn new(
        format: KeyFormat,
        store: impl Into<SharedApiKeyStore>,
        owners: impl Into<SharedKeyOwners>,
    ) -> Self {
        Self::with(format, store.into(), Some(owners.into()))
    }

    /// Accepts keys without asking for their owners: a key keeps the scopes and roles that it was
    /// made with, though its owner has lost them since, is disabled, or is gone.
    ///
    /// For keys that belong to no user. Otherwise whoever takes something from a user must revoke
    /// the user's keys too ([`KeyRegistry::revoke_all`](crate::KeyRegistry::revoke_all)).
    #[must_use]
    pub fn danger_without_owners(format: KeyFormat, store: impl Into<SharedApiKeyStore>) -> Self {
        Self::with(format, store.into(), None)
    }

    fn with(format: KeyFormat, store: SharedApiKeyStore, owners: Option<SharedKeyOwners>) -> Self {
        let inner = Inner {
            format,
            store,
            owners,
            header: X_API_KEY,
            bearer: true,
            realm: Box::from("api"),
            challenge: Challenges::none(),
            clock: SharedClock::system(),
            events: Events::default(),
            counters: SharedRateCounters::new(MemoryRateCounters::new()),
            cost: None,
            failures: None,
            allows_uncounted: false,
            deprecation_link: None,
            last_uses: None,
            own_issuer: None,
        };
        Self {
            inner: Arc::new(inner),
        }
        .change(|_| {})
    }

    /// The header that carries keys. Default: `X-API-Key`.
    ///
    /// # Errors
    ///
    /// Refuses `Authorization` and `Cookie`, which belong to others.
    pub fn header(self, header: HeaderName) -> Result<Self, ConfigError> {
        if header == AUTHORIZATION || header == COOKIE {
            return Err(ConfigError::new("header", "must be one of its own"));
        }
        Ok(self.change(|inner| inner.header = header))
    }

    /// Does not look at `Authorization` at all.
    #[must_use]
    pub fn header_only(self) -> Self {
        self.change(|inner| inner.bearer = false)
    }

    /// The issuer of this service's own users, whose keys are kept without one: it is the issuer of the
    /// identities that those keys prove. Default: none. See
    /// [`KeyRegistry::own_issuer`](crate::KeyRegistry::own_issuer).
    #[must_use]
    pub fn own_issuer(self, issuer: impl Into<Arc<str>>) -> Self {
        let issuer = issuer.into();
        self.change(|inner| inner.own_issuer = Some(issuer))
    }

    /// The realm of the challenge. Default: `api`.
    #[must_use]
    pub fn realm(self, realm: impl Into<Box<str>>) -> Self {
        let realm = realm.into();
        self.change(|inner| inner.realm = realm)
    }

    /// The clock that expiry is judged by. Default: the system's.
    #[must_use]
    pub fn clock(self, clock: impl Into<SharedClock>) -> Self {
        let clock = clock.into();
        self.change(|inner| inner.clock = clock)
    }

    /// Where it is told that a replaced secret was used, and that something could not be counted.
    /// Default: `tracing`, if that feature of auth-layer is on. The layer records everything else.
    #[must_use]
    pub fn events(self, events: Events) -> Self {
        self.change(|inner| inner.events = events)
    }

    /// Marks there, in memory, when a key was last used: one whose secret was right and that was in order.
    /// Default: nobody takes it down.
    #[must_use]
    pub fn last_uses(self, uses: &LastUses) -> Self {
        let uses = uses.clone();
        self.change(|inner| inner.last_uses = Some(uses))
    }

    /// A layer with this scheme alone.
    pub fn into_layer(self) -> AuthLayer<Self> {
        AuthLayer::new(self)
    }

    fn change(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        let inner = Arc::make_mut(&mut self.inner);
        change(inner);
        inner.challenge = Challenge::new("ApiKey")
            .param("realm", &inner.realm)
            .param("header", &canonical(&inner.header))
            .into();
        self
    }
}

/// `x-api-key` as people write it.
fn canonical(header: &HeaderName) -> String {
    let words = header.as_str().split('-').map(|word| match word {
        "api" => "API".to_owned(),
        _ => {
            let mut chars = word.chars();
            let first = chars.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(chars).collect()
        }
    });
    words.collect::<Vec<_>>().join("-")
}

impl Inner {
    fn superseded(&self, superseded: SupersededKey, end: Option<SystemTime>) -> ResponseHeaders {
        superseded.headers(end, self.deprecation_link.as_ref())
    }

    fn mark_used(&self, id: &KeyId) {
        if let Some(uses) = &self.last_uses {
            uses.mark(id, self.clock.now());
        }
    }

    /// A Bearer token with our prefix.
    fn in_authorization<'a>(&self, headers: &'a HeaderMap) -> Option<&'a [u8]> {
        if !self.bearer {
            return None;
        }
        authorization(headers, "Bearer")
            .filter(|token| token.starts_with(self.format.prefix().as_bytes()))
    }
}

fn ambiguous(reason: &'static str) -> AuthError {
    AuthError::new(AuthErrorKind::InvalidRequest, reason)
}

impl Scheme for ApiKeys {
    type Credential = PresentedKey;
    type Future = VerifyFuture;

    fn name(&self) -> &'static str {
        "api-key"
    }

    fn extract(&self, parts: &Parts) -> Result<Option<PresentedKey>, AuthError> {
        let sent = Sent::of(&parts.headers, &self.inner.header);
        let own = match sent.keys {
            Values::None => None,
            Values::One(value) => Some(value),
            Values::Several => return Err(ambiguous("several_api_key_headers")),
        };
        let bearer = if sent.authorization {
            self.inner.in_authorization(&parts.headers)
        } else {
            None
        };
        let text = match (own.map(|value| value.as_bytes().trim_ascii()), bearer) {
            (None, None) => return Ok(None),
            (Some(own), Some(token)) if own != token => {
                return Err(ambiguous("different_api_keys"));
            }
            (Some(text), _) | (None, Some(text)) => text,
        };
        let id = self
            .inner
            .format
            .parse(text)
            .map_err(|malformed| AuthError::malformed(malformed.reason()))?;
        let in_authorization = bearer.is_some();
        let mut key = PresentedKey::new(id, text, in_authorization, sent.origins.only(), parts);
        if let Some(cost) = &self.inner.cost {
            key.cost = cost(parts);
        }
        Ok(Some(key))
    }

    fn verify(&self, credential: PresentedKey) -> VerifyFuture {
        verify::start(&self.inner, credential)
    }

    fn verify_now(&self, credential: PresentedKey) -> Verdict<PresentedKey> {
        verify::now(&self.inner, credential)
    }

    fn response_headers(&self, identity: &Identity) -> ResponseHeaders {
        let mut headers = ResponseHeaders::none();
        if let Some(superseded) = identity.extra::<SupersededKey>() {
            headers.append(self.inner.superseded(*superseded, identity.expires_at()));
        }
        if let Some(quota) = identity.extra::<KeyQuota>() {
            headers.append(quota.headers());
        }
        headers
    }

    fn challenge(&self, _error: Option<&AuthError>) -> Challenges {
        self.inner.challenge.clone()
    }

    fn claims_authorization(&self, credential: &PresentedKey) -> bool {
        credential.in_authorization
    }

    fn conceal(&self, headers: &mut HeaderMap) {
        let mut authorization = false;
        for (name, value) in headers.iter_mut() {
            if *name == self.inner.header {
                value.set_sensitive(true);
            }
            authorization |= *name == AUTHORIZATION;
        }
        if !authorization || self.inner.in_authorization(headers).is_none() {
            return;
        }
        for (name, value) in headers.iter_mut() {
            if *name == AUTHORIZATION {
                value.set_sensitive(true);
            }
        }
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys")
            .field("format", &self.inner.format)
            .field("header", &self.inner.header)
            .finish_non_exhaustive()
    }
}
