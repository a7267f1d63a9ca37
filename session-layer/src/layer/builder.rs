//! Options of [`SessionLayer`].

use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroU32;
use std::sync::Arc;

use auth_layer::{
    AuthLayer, ConfigError, ConflictPolicy, Events, Origin, Problem, SharedClock, SharedRevocations,
};

use super::{Indexed, SessionLayer, SiteData, Unindexed};
use crate::backend::{SessionCap, SharedSessionBackend, WhenFull};
use crate::config::Config;
use crate::cookie::{CookieConfig, CookiePrefix, SameSite};
use crate::csrf::CsrfPolicy;
use crate::remember::RememberMe;
use crate::standing::{CredentialEpochs, UserStanding};
use crate::{SessionLimits, SessionScheme, Sessions};

/// Options of [`SessionLayer`]; see [`SessionLayer::builder`].
///
/// | option | default |
/// |---|---|
/// | [`limits`](Self::limits) | 24 hours idle, 14 days in all |
/// | [`cookie_name`](Self::cookie_name), [`cookie_prefix`](Self::cookie_prefix) | `__Host-session` |
/// | [`same_site`](Self::same_site) | `Lax` |
/// | [`public_origin`](Self::public_origin), [`trusted_origin`](Self::trusted_origin) | none: requests are compared with the host that they ask |
/// | [`allow_missing_origin`](Self::allow_missing_origin) | off |
/// | [`keep_on_login`](Self::keep_on_login) | nothing |
/// | [`max_sessions`](Self::max_sessions) | 100, the oldest are ended |
/// | [`remember_me`](Self::remember_me) | off |
/// | [`revocations`](Self::revocations), [`credential_epochs`](Self::credential_epochs) | nobody is asked |
/// | [`clear_site_data`](Self::clear_site_data) | cache and storage, on logout |
/// | [`on_conflict`](Self::on_conflict) | [`ConflictPolicy::Agree`] |
/// | [`events`](Self::events) | `tracing`, if that feature is on |
/// | [`clock`](Self::clock) | the system's |
/// | [`with_refusal`](Self::with_refusal) | problem details |
///
/// Always: `Secure` (but for [`insecure_http_on_loopback`](Self::insecure_http_on_loopback)),
/// `HttpOnly`, `Path=/`, no `Domain`, and a `Max-Age` that ends with the session.
#[must_use]
pub struct SessionLayerBuilder<R = Problem, I = Indexed> {
    backend: SharedSessionBackend,
    limits: SessionLimits,
    cookie_name: String,
    cookie_prefix: CookiePrefix,
    same_site: SameSite,
    public_origin: Option<String>,
    insecure_origin: Option<String>,
    trusted_origins: Vec<String>,
    allow_missing_origin: bool,
    keep_on_login: Vec<Box<str>>,
    cap: Option<SessionCap>,
    remember: Option<RememberMe>,
    standing: UserStanding,
    clear_site_data: Vec<SiteData>,
    policy: ConflictPolicy,
    events: Events,
    clock: SharedClock,
    refusal: R,
    is_indexed: bool,
    index: PhantomData<fn() -> I>,
}

impl SessionLayerBuilder {
    pub(super) fn new(backend: SharedSessionBackend) -> Self {
        let cap = Some(SessionCap::new(100, WhenFull::EvictOldest));
        Self::with_index(backend, cap, true)
    }
}

impl SessionLayerBuilder<Problem, Unindexed> {
    pub(super) fn unindexed(backend: SharedSessionBackend) -> Self {
        Self::with_index(backend, None, false)
    }
}

impl<I> SessionLayerBuilder<Problem, I> {
    fn with_index(
        backend: SharedSessionBackend,
        cap: Option<SessionCap>,
        is_indexed: bool,
    ) -> Self {
        Self {
            backend,
            limits: SessionLimits::default(),
            cookie_name: "session".to_owned(),
            cookie_prefix: CookiePrefix::default(),
            same_site: SameSite::default(),
            public_origin: None,
            insecure_origin: None,
            trusted_origins: Vec::new(),
            allow_missing_origin: false,
            keep_on_login: Vec::new(),
            cap,
            remember: None,
            standing: UserStanding::default(),
            clear_site_data: vec![SiteData::Cache, SiteData::Storage],
            policy: ConflictPolicy::default(),
            events: Events::default(),
            clock: SharedClock::system(),
            refusal: Problem,
            is_indexed,
            index: PhantomData,
        }
    }
}

impl<R> SessionLayerBuilder<R> {
    /// How many live sessions one user may have, and what a login does when there are so many.
    ///
    /// A remembered login that comes back to a user with so many ends older sessions of its own browser
    /// first, and where there are none it does what a login does; if that is to be refused, the request
    /// goes on with nobody logged in, and the browser stays remembered.
    ///
    /// There is a default because a client that logs in again for every request, or somebody who
    /// knows one password, would otherwise fill the store and make lists of endless length. It is
    /// far above what people use. `NonZeroU32::MAX` means no cap: then the store is not asked to
    /// count.
    pub fn max_sessions(mut self, max: NonZeroU32, when_full: WhenFull) -> Self {
        let cap = SessionCap::new(max.get(), when_full);
        self.cap = (max != NonZeroU32::MAX).then_some(cap);
        self
    }

    /// Remembers logins beyond the end of their sessions, if
    /// [`log_in_remembered`](crate::SessionHandle::log_in_remembered) says so. Default: off. See
    /// [remember-me](crate#remember-me).
    pub fn remember_me(mut self, remember: RememberMe) -> Self {
        self.remember = Some(remember);
        self
    }
}

impl<R, I> SessionLayerBuilder<R, I> {
    /// How long sessions live.
    pub fn limits(mut self, limits: SessionLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The name of the cookie, without the prefix that is put before it.
    pub fn cookie_name(mut self, name: impl Into<String>) -> Self {
        self.cookie_name = name.into();
        self
    }

    /// The prefix of the cookie's name.
    pub fn cookie_prefix(mut self, prefix: CookiePrefix) -> Self {
        self.cookie_prefix = prefix;
        self
    }

    /// When browsers send the cookie with requests that other sites caused.
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// The one origin that browsers reach the service by, `https://host[:port]`.
    ///
    /// With it, `Origin` is compared with this instead of with the host that is asked, so that
    /// nothing depends on what proxies do to `Host`.
    pub fn public_origin(mut self, origin: impl Into<String>) -> Self {
        self.public_origin = Some(origin.into());
        self
    }

    /// For development: a cookie for plain http, without `Secure` and without the prefix, for a
    /// service that browsers reach by `origin`, which must be `http:` on a loopback host.
    pub fn insecure_http_on_loopback(mut self, origin: impl Into<String>) -> Self {
        self.insecure_origin = Some(origin.into());
        self
    }

    /// Adds an origin whose pages may make unsafe requests with a session, such as a provider that
    /// posts its answer. Everything that runs there can do what the user can.
    pub fn trusted_origin(mut self, origin: impl Into<String>) -> Self {
        self.trusted_origins.push(origin.into());
        self
    }

    /// Accepts unsafe requests with a session that have neither `Sec-Fetch-Site` nor `Origin`, as
    /// scripts with a cookie jar send them, and logouts by GET without `Sec-Fetch-Site`. Browsers send
    /// one of them with unsafe requests since 2020, and `Sec-Fetch-Site` with all of them since 2023,
    /// so what is given up is the protection of users of older ones.
    pub fn allow_missing_origin(mut self) -> Self {
        self.allow_missing_origin = true;
        self
    }

    /// Names keys of session data that survive a login, such as a shopping cart. Whoever could
    /// plant a session on the user before could have written what is kept.
    pub fn keep_on_login<K: Into<Box<str>>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.keep_on_login.extend(keys.into_iter().map(Into::into));
        self
    }

    /// Asks `revocations` on every request with a session: a session that began at or before the
    /// revocation of its subject is over. Default: nobody is asked.
    ///
    /// It is for services that have other credentials too: one
    /// [`revoke_subject`](auth_layer::Revocations::revoke_subject) ends sessions, tokens and keys,
    /// on every server that asks the same store. Where there are only sessions,
    /// [`Sessions::revoke_all`] does it and costs requests nothing. If the store cannot be asked,
    /// requests with a session are answered 503.
    pub fn revocations(mut self, revocations: SharedRevocations) -> Self {
        self.standing.revocations = Some(revocations);
        self
    }

    /// Binds sessions to the credentials of their users: a session ends, on the next request, when
    /// its user has a newer [`CredentialEpoch`](auth_layer::CredentialEpoch) than at login, or is
    /// gone. Default: nobody is asked.
    ///
    /// Whoever changes a password only has to raise the number: no session is forgotten. A login
    /// whose identity has no epoch gets the current one; give `log_in` the one that was read with the
    /// password's hash, as `login` does, so that no change can slip in between. Sessions that began
    /// before this option was there end. If `epochs` cannot be asked, requests with a session are
    /// answered 503.
    pub fn credential_epochs(mut self, epochs: impl CredentialEpochs) -> Self {
        self.standing.set_epochs(epochs);
        self
    }

    /// What browsers are told to drop of the site when a user logs out (`Clear-Site-Data`), so that
    /// the next user of the browser finds nothing. Default: [`SiteData::Cache`] and
    /// [`SiteData::Storage`]. Nothing means no header.
    ///
    /// There is no `"cookies"`: it removes those of the whole registrable domain, other services'
    /// included. The session's own cookies are removed one by one.
    pub fn clear_site_data(mut self, kinds: impl IntoIterator<Item = SiteData>) -> Self {
        self.clear_site_data = kinds.into_iter().collect();
        self
    }

    /// What to do if a layer further out has proved an identity too.
    pub fn on_conflict(mut self, policy: ConflictPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Where events go.
    pub fn events(mut self, events: Events) -> Self {
        self.events = events;
        self
    }

    /// The clock that expiry goes by.
    pub fn clock(mut self, clock: impl Into<SharedClock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// Another body for refusals; see [`AuthLayer::with_refusal`].
    pub fn with_refusal<R2>(self, refusal: R2) -> SessionLayerBuilder<R2, I> {
        SessionLayerBuilder {
            backend: self.backend,
            limits: self.limits,
            cookie_name: self.cookie_name,
            cookie_prefix: self.cookie_prefix,
            same_site: self.same_site,
            public_origin: self.public_origin,
            insecure_origin: self.insecure_origin,
            trusted_origins: self.trusted_origins,
            allow_missing_origin: self.allow_missing_origin,
            keep_on_login: self.keep_on_login,
            cap: self.cap,
            remember: self.remember,
            standing: self.standing,
            clear_site_data: self.clear_site_data,
            policy: self.policy,
            events: self.events,
            clock: self.clock,
            refusal,
            is_indexed: self.is_indexed,
            index: PhantomData,
        }
    }

    /// The finished layer.
    ///
    /// # Errors
    ///
    /// Names the option that cannot work: durations of zero or of absurd length, names that are no
    /// cookie names, origins that are none or have the wrong scheme, `SameSite=None` without
    /// `Secure`.
    pub fn build(self) -> Result<SessionLayer<R, I>, ConfigError>
    where
        R: Clone,
    {
        self.limits.check()?;
        let secure = self.insecure_origin.is_none();
        let named = |name: &str| {
            if secure {
                CookieConfig::secure(name, self.cookie_prefix, self.same_site)
            } else {
                CookieConfig::insecure(name, self.same_site)
            }
        };
        let cookie = named(&self.cookie_name)?;
        let remember = match self.remember {
            Some(remember) => Some(remember.build(&cookie, named)?),
            None => None,
        };
        let public = public_origin(self.public_origin, self.insecure_origin)?;
        let trusted = self
            .trusted_origins
            .iter()
            .map(|origin| parse_origin("trusted_origin", origin))
            .collect::<Result<_, _>>()?;

        let config = Arc::new(Config {
            sessions: Sessions {
                backend: self.backend,
                clock: self.clock.clone(),
                events: self.events.clone(),
                limits: self.limits,
                remember: remember.as_ref().map(|remember| remember.store.clone()),
            },
            limits: self.limits,
            cookie,
            cap: self.cap,
            keep_on_login: self.keep_on_login,
            csrf: Arc::new(CsrfPolicy::new(secure, public, trusted)?),
            allow_missing_origin: self.allow_missing_origin,
            is_indexed: self.is_indexed,
            remember,
            standing: self.standing,
            clear_site_data: SiteData::header(&self.clear_site_data),
        });
        let auth = AuthLayer::new(SessionScheme::new(Arc::clone(&config)))
            .on_conflict(self.policy)
            .events(self.events)
            .clock(self.clock)
            .with_refusal(self.refusal.clone());
        Ok(SessionLayer {
            config,
            auth,
            refusal: self.refusal,
            index: PhantomData,
        })
    }
}

fn public_origin(
    secure: Option<String>,
    insecure: Option<String>,
) -> Result<Option<Origin>, ConfigError> {
    const INSECURE: &str = "insecure_http_on_loopback";

    let (option, text, want_https) = match (secure, insecure) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(ConfigError::new(
                INSECURE,
                "cannot go with `public_origin`: the service has one origin",
            ));
        }
        (Some(text), None) => ("public_origin", text, true),
        (None, Some(text)) => (INSECURE, text, false),
    };
    let origin = parse_origin(option, &text)?;
    if origin.is_https() != want_https {
        let problem = if want_https {
            "must begin with https://; for development see `insecure_http_on_loopback`"
        } else {
            "must begin with http://; with https use `public_origin`"
        };
        return Err(ConfigError::new(option, problem));
    }
    if !want_https && !origin.is_loopback() {
        return Err(ConfigError::new(option, "must have a loopback host"));
    }
    Ok(Some(origin))
}

fn parse_origin(option: &'static str, text: &str) -> Result<Origin, ConfigError> {
    text.parse().map_err(|error: ConfigError| {
        ConfigError::new(option, format!("is not an origin: {error}"))
    })
}

impl<R, I> fmt::Debug for SessionLayerBuilder<R, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionLayerBuilder")
            .field("limits", &self.limits)
            .field("cookie_name", &self.cookie_name)
            .field("same_site", &self.same_site)
            .finish_non_exhaustive()
    }
}
