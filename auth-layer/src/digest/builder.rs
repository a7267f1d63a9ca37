//! Configuring [`Digest`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::request::Parts;

use super::nonce::Nonces;
use super::scheme::{Config, RequestTarget};
use super::{
    Algorithm, Digest, DigestStore, Ha1, MemoryNonceCounters, NonceCounters, Qop,
    SharedDigestStore, SharedNonceCounters,
};
use crate::{ConfigError, ExposeSecret, SecretSlice, SharedClock, check_duration, random_bytes};

/// Configures [`Digest`]. See [`Digest::builder`].
#[must_use]
pub struct DigestBuilder {
    realm: String,
    store: SharedDigestStore,
    counters: Option<SharedNonceCounters>,
    algorithms: Vec<Algorithm>,
    allow_md5: bool,
    qop: Qop,
    userhash: bool,
    nonce_lifetime: Duration,
    nonce_key: Option<SecretSlice<u8>>,
    clock: SharedClock,
    request_target: Option<RequestTarget>,
}

impl DigestBuilder {
    /// The lifetime of nonces, unless another is asked for.
    pub const DEFAULT_NONCE_LIFETIME: Duration = Duration::from_secs(5 * 60);

    /// The shortest key for nonces.
    pub const MIN_KEY_LEN: usize = 32;

    pub(super) fn new(realm: String, store: impl DigestStore) -> Self {
        Self {
            realm,
            store: SharedDigestStore::new(store),
            counters: None,
            algorithms: vec![Algorithm::Sha256],
            allow_md5: false,
            qop: Qop::Auth,
            userhash: false,
            nonce_lifetime: Self::DEFAULT_NONCE_LIFETIME,
            nonce_key: None,
            clock: SharedClock::system(),
            request_target: None,
        }
    }

    /// The algorithms to offer, the preferred one first; one challenge is sent for each. Default:
    /// SHA-256 alone.
    ///
    /// A client takes the first that it knows, so one behind SHA-256 is hardly ever taken. Users
    /// without an [`Ha1`] for the algorithm that their client took cannot log in.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Offers MD5 too, behind all others.
    ///
    /// **This is insecure.** Whoever overhears one request tries billions of passwords a second on
    /// it, and whoever sits in between can take the better challenges away and leave this one.
    pub fn insecure_allow_md5(mut self) -> Self {
        self.allow_md5 = true;
        self
    }

    /// What is protected. Default: [`Qop::Auth`].
    pub fn qop(mut self, qop: Qop) -> Self {
        self.qop = qop;
        self
    }

    /// Asks clients to send a hash instead of the user's name. Default: off, and hashes are refused.
    ///
    /// The store has to implement [`find_by_userhash`](DigestStore::find_by_userhash).
    pub fn offer_userhash(mut self) -> Self {
        self.userhash = true;
        self
    }

    /// How long a nonce can be used. Default: [five minutes](Self::DEFAULT_NONCE_LIFETIME).
    ///
    /// A client whose nonce expired is sent a new one and goes on without asking its user. It is
    /// also how long [`NonceCounters`] must remember.
    pub fn nonce_lifetime(mut self, lifetime: Duration) -> Self {
        self.nonce_lifetime = lifetime;
        self
    }

    /// The key that nonces are authenticated with: at least 32 random bytes. Default: a random one,
    /// which ends with the process.
    ///
    /// Nodes that serve the same clients need one key and shared
    /// [`counters`](Self::nonce_counters). A key that outlives the process also spares users the
    /// question for their password after a restart.
    pub fn nonce_key(mut self, key: SecretSlice<u8>) -> Self {
        self.nonce_key = Some(key);
        self
    }

    /// Where the use of nonces is counted. Default: [`MemoryNonceCounters`] with this builder's clock.
    /// Counters of your own need the same clock.
    pub fn nonce_counters(mut self, counters: impl NonceCounters) -> Self {
        self.counters = Some(SharedNonceCounters::new(counters));
        self
    }

    /// The clock that nonces expire by. Default: the system's.
    pub fn clock(mut self, clock: impl Into<SharedClock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// What the client asked for, if `Parts::uri` is no longer it: below axum's `Router::nest`, or
    /// behind a proxy that rewrites paths. Default: `Parts::uri`.
    ///
    /// ```
    /// use auth_layer::digest::{Digest, MemoryDigestStore};
    /// use axum::extract::OriginalUri;
    ///
    /// let digest = Digest::builder("printers", MemoryDigestStore::new("printers"))
    ///     .request_target(|parts| match parts.extensions.get() {
    ///         Some(OriginalUri(uri)) => uri,
    ///         None => &parts.uri,
    ///     })
    ///     .build()?;
    /// # Ok::<(), auth_layer::ConfigError>(())
    /// ```
    pub fn request_target<F>(mut self, target: F) -> Self
    where
        F: for<'a> Fn(&'a Parts) -> &'a Uri + Send + Sync + 'static,
    {
        self.request_target = Some(Arc::new(target));
        self
    }

    /// Checks the configuration.
    ///
    /// # Errors
    ///
    /// Names the option that cannot work: a realm that is empty or holds control characters, quotes
    /// or backslashes (clients disagree about how to hash those); no algorithm, the same one twice,
    /// or MD5 without [`insecure_allow_md5`](Self::insecure_allow_md5); a lifetime under a second or
    /// over ten years; a key that is too short.
    pub fn build(self) -> Result<Digest, ConfigError> {
        check_realm(&self.realm)?;
        let algorithms = check_algorithms(self.algorithms, self.allow_md5)?;
        check_duration("nonce_lifetime", self.nonce_lifetime)?;
        if self.nonce_lifetime < Duration::from_secs(1) {
            return Err(ConfigError::new(
                "nonce_lifetime",
                "must be at least a second",
            ));
        }

        let random = || {
            random_bytes::<32>().map_err(|error| ConfigError::new("nonce_key", error.to_string()))
        };
        let key = match self.nonce_key {
            Some(key) => key,
            None => SecretSlice::from(random()?.to_vec()),
        };
        let key = key.expose_secret();
        if key.len() < Self::MIN_KEY_LEN {
            let problem = format!("must have at least {} bytes", Self::MIN_KEY_LEN);
            return Err(ConfigError::new("nonce_key", problem));
        }

        let dummies = random()?;
        Ok(Digest::new(Config {
            nonces: Nonces::new(key, &self.realm, self.nonce_lifetime),
            dummies: algorithms
                .iter()
                .map(|algorithm| Ha1::dummy(*algorithm, dummies))
                .collect(),
            counters: self.counters.unwrap_or_else(|| {
                SharedNonceCounters::new(MemoryNonceCounters::new().clock(self.clock.clone()))
            }),
            realm: self.realm,
            store: self.store,
            qop: self.qop,
            userhash: self.userhash,
            clock: self.clock,
            request_target: self.request_target,
        }))
    }
}

fn check_realm(realm: &str) -> Result<(), ConfigError> {
    if realm.is_empty() {
        return Err(ConfigError::new("realm", "must not be empty"));
    }
    if realm
        .chars()
        .any(|c| c.is_control() || matches!(c, '"' | '\\'))
    {
        return Err(ConfigError::new(
            "realm",
            "must not hold control characters, quotes or backslashes",
        ));
    }
    Ok(())
}

fn check_algorithms(
    mut algorithms: Vec<Algorithm>,
    allow_md5: bool,
) -> Result<Vec<Algorithm>, ConfigError> {
    let refuse = |problem| Err(ConfigError::new("algorithms", problem));
    if algorithms.contains(&Algorithm::Md5) {
        return refuse("must not name MD5; there is `insecure_allow_md5` for it");
    }
    if allow_md5 {
        algorithms.push(Algorithm::Md5);
    }
    if algorithms.is_empty() {
        return refuse("must name at least one");
    }
    for (index, algorithm) in algorithms.iter().enumerate() {
        if algorithms[..index].contains(algorithm) {
            return refuse("must not name the same one twice");
        }
    }
    Ok(algorithms)
}

impl fmt::Debug for DigestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DigestBuilder")
            .field("realm", &self.realm)
            .field("algorithms", &self.algorithms)
            .field("allow_md5", &self.allow_md5)
            .field("qop", &self.qop)
            .field("userhash", &self.userhash)
            .field("nonce_lifetime", &self.nonce_lifetime)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::MemoryDigestStore;

    fn builder() -> DigestBuilder {
        Digest::builder("realm", MemoryDigestStore::new("realm"))
    }

    fn key(len: usize) -> SecretSlice<u8> {
        SecretSlice::from(vec![7; len])
    }

    #[test]
    fn what_cannot_work_is_refused_by_the_name_of_the_option() {
        let realm = |realm: &str| Digest::builder(realm, MemoryDigestStore::new(realm));
        for (builder, option) in [
            (builder(), None),
            (realm("Zürich, 2nd floor: printers"), None),
            (realm(""), Some("realm")),
            (realm("a\nb"), Some("realm")),
            (realm("a\u{85}b"), Some("realm")),
            (realm("the \"inner\" circle"), Some("realm")),
            (realm(r"DOMAIN\printers"), Some("realm")),
            (builder().algorithms([]), Some("algorithms")),
            (builder().algorithms([]).insecure_allow_md5(), None),
            (builder().algorithms([Algorithm::Md5]), Some("algorithms")),
            (
                builder().algorithms([Algorithm::Md5]).insecure_allow_md5(),
                Some("algorithms"),
            ),
            (
                builder().algorithms([Algorithm::Sha256, Algorithm::Sha256]),
                Some("algorithms"),
            ),
            (
                builder().nonce_lifetime(Duration::ZERO),
                Some("nonce_lifetime"),
            ),
            (
                builder().nonce_lifetime(Duration::from_millis(999)),
                Some("nonce_lifetime"),
            ),
            (
                builder().nonce_lifetime(Duration::MAX),
                Some("nonce_lifetime"),
            ),
            (builder().nonce_key(key(31)), Some("nonce_key")),
            (builder().nonce_key(key(0)), Some("nonce_key")),
            (builder().nonce_key(key(32)), None),
            (builder().nonce_key(key(500)), None),
        ] {
            let shown = format!("{builder:?}");
            let refused = builder.build().err();
            assert_eq!(refused.map(|error| error.option()), option, "{shown}");
        }
    }
}
