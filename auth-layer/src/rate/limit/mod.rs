//! Limits on routes: [`RateLimit`].

mod service;

use std::fmt;
use std::sync::Arc;

use http::Extensions;
use http::request::Parts;

pub use self::service::RateLimitService;
use super::{Charge, Rate, RateCounters, RateKey, RateState, SharedRateCounters, TakeOutcome};
use crate::guard::Decision;
use crate::{
    AuthError, AuthErrorKind, ClientAddress, ConfigError, Event, EventKind, Events, Identity,
    Problem, ResponseHeaders, SharedClock,
};

/// Limits how often requests come through to a route, by whose they are.
///
/// What is over the limit is answered 429 with `Retry-After`, whatever else is wrong with it, and
/// reaches no handler. Every answer says what is left, in `RateLimit` and `RateLimit-Policy`
/// (draft-ietf-httpapi-ratelimit-headers). Requests are counted exactly, on however many nodes, by
/// the [`RateCounters`](super::RateCounters): if ten are left, of forty in parallel ten come through.
/// A request counts when it arrives, and is not given back if it fails.
///
/// Put one that counts by identity or by key inside of the [`AuthLayer`](crate::AuthLayer), and one
/// that counts by address inside of the [`ClientAddressLayer`](crate::ClientAddressLayer), without
/// which all clients are one. Several may be stacked.
///
#[cfg_attr(feature = "axum", doc = "```")]
#[cfg_attr(not(feature = "axum"), doc = "```ignore")]
/// use auth_layer::{MemoryRateCounters, RateLimit};
/// use axum::{Router, routing::get};
///
/// let limit = RateLimit::per_identity("api", "100/m".parse()?, MemoryRateCounters::new())?;
/// let app: Router = Router::new()
///     .route("/search", get(|| async { "results" }))
///     .layer(limit); // and an AuthLayer outside of it
/// # let _ = app;
/// # Ok::<(), auth_layer::ConfigError>(())
/// ```
///
/// # When it cannot be counted
///
/// If the counters do not answer, neither does the route: 503. Only
/// [`danger_allow_uncounted`](Self::danger_allow_uncounted) lets requests through.
#[derive(Clone)]
#[must_use]
pub struct RateLimit<R = Problem> {
    rule: Arc<Rule>,
    refusal: R,
}

type ChargeOf = dyn Fn(&Parts) -> Option<Charge> + Send + Sync;

#[derive(Clone)]
struct Rule {
    name: Box<str>,
    charge: Arc<ChargeOf>,
    counters: SharedRateCounters,
    clock: SharedClock,
    events: Events,
    allows_uncounted: bool,
}

/// Sets the buckets apart from those of other limits in the same store.
const PURPOSE: &str = "rate-limit";

impl RateLimit {
    /// So many requests for each principal, in all its sessions and with all its tokens and keys
    /// together. Anonymous requests count by their address.
    ///
    /// `name` is the policy's: clients see it, and limits of one name that share a store share their
    /// budgets.
    ///
    /// # Errors
    ///
    /// Refuses a name that is empty, longer than 64 bytes, or of anything but letters, digits, `.`,
    /// `_` and `-`.
    pub fn per_identity(
        name: &str,
        rate: Rate,
        counters: impl RateCounters,
    ) -> Result<Self, ConfigError> {
        Self::counted(
            name,
            rate,
            counters,
            |policy, extensions| match extensions.get::<Identity>() {
                Some(identity) => principal(policy, identity),
                None => address(policy, extensions),
            },
        )
    }

    /// So many requests for each API key, token or session: whatever the identity names as the
    /// [key](Identity::key_id), or else the session or the token that proved it. What is without such
    /// an id counts as its principal, and anonymous requests by their address.
    ///
    /// # Errors
    ///
    /// As [`per_identity`](Self::per_identity).
    pub fn per_credential(
        name: &str,
        rate: Rate,
        counters: impl RateCounters,
    ) -> Result<Self, ConfigError> {
        Self::counted(
            name,
            rate,
            counters,
            |policy, extensions| match extensions.get::<Identity>() {
                Some(identity) => credential(policy, identity),
                None => address(policy, extensions),
            },
        )
    }

    /// So many requests for each client's address; IPv6 counts by /64, and all unknown addresses as
    /// one.
    ///
    /// # Errors
    ///
    /// As [`per_identity`](Self::per_identity).
    pub fn per_address(
        name: &str,
        rate: Rate,
        counters: impl RateCounters,
    ) -> Result<Self, ConfigError> {
        Self::counted(name, rate, counters, address)
    }

    /// One rate for all, under the key that `key` makes of the policy and the request.
    fn counted(
        name: &str,
        rate: Rate,
        counters: impl RateCounters,
        key: fn(&str, &Extensions) -> RateKey,
    ) -> Result<Self, ConfigError> {
        let policy = policy(name, rate);
        Self::by(name, counters, move |parts| {
            Some(Charge::new(key(&policy, &parts.extensions), rate))
        })
    }

    /// Whatever you count by: `charge` says which bucket a request takes from, and how much if some
    /// [cost more](Charge::tokens) than others, or `None` for one that is not limited.
    ///
    /// # Errors
    ///
    /// As [`per_identity`](Self::per_identity).
    pub fn by(
        name: &str,
        counters: impl RateCounters,
        charge: impl Fn(&Parts) -> Option<Charge> + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if name.is_empty() || name.len() > 64 || !name.bytes().all(allowed) {
            return Err(ConfigError::new(
                "name",
                "must be 1 to 64 letters, digits, `.`, `_` or `-`",
            ));
        }
        Ok(Self {
            rule: Arc::new(Rule {
                name: name.into(),
                charge: Arc::new(charge),
                counters: SharedRateCounters::new(counters),
                clock: SharedClock::system(),
                events: Events::default(),
                allows_uncounted: false,
            }),
            refusal: Problem,
        })
    }
}

impl<R> RateLimit<R> {
    /// The clock. Default: the system's.
    pub fn clock(mut self, clock: impl Into<SharedClock>) -> Self {
        Arc::make_mut(&mut self.rule).clock = clock.into();
        self
    }

    /// Where refusals, and requests that could not be counted, are told. Default: the `tracing`
    /// sink, if that feature is on.
    pub fn events(mut self, events: Events) -> Self {
        Arc::make_mut(&mut self.rule).events = events;
        self
    }

    /// Lets requests through that cannot be counted. Default: they are answered 503.
    ///
    /// Whoever can make the counters fail is then without a limit. Each such request is an event of
    /// kind [`Unavailable`](EventKind::Unavailable), `request_not_counted`.
    pub fn danger_allow_uncounted(mut self) -> Self {
        Arc::make_mut(&mut self.rule).allows_uncounted = true;
        self
    }

    /// Another body for refusals. Default: [`Problem`].
    pub fn with_refusal<R2>(self, refusal: R2) -> RateLimit<R2> {
        RateLimit {
            rule: self.rule,
            refusal,
        }
    }
}

impl Rule {
    async fn take(&self, charge: Charge, client: ClientAddress) -> Decision {
        let taken = self.counters.take(&[charge], self.clock.now()).await;
        let outcome = match taken {
            Ok(outcome) => outcome,
            Err(error) if self.allows_uncounted => {
                let mut event =
                    Event::new(EventKind::Unavailable).with_reason("request_not_counted");
                event.error = Some(&error);
                event.address = client.ip();
                self.events.record(&event);
                return Ok(()).into();
            }
            Err(error) => return Err(self.recorded(error, client)).into(),
        };
        let (state, outcome) = match outcome {
            TakeOutcome::Allowed { remaining } => {
                let remaining = remaining.first().copied().unwrap_or(0);
                (RateState::allowed(&charge, remaining), Ok(()))
            }
            TakeOutcome::Refused { retry_after, .. } => {
                let error = AuthError::new(AuthErrorKind::Limited, "rate_limit")
                    .with_retry_after(retry_after);
                let state = RateState::refused(&charge, retry_after);
                (state, Err(self.recorded(error, client)))
            }
        };
        let mut headers = ResponseHeaders::none();
        headers.add_rate_limits([(&self.name, charge.rate())], [(&self.name, state)]);
        Decision { outcome, headers }
    }

    /// There may be no layer outside that would record it.
    fn recorded(&self, mut error: AuthError, client: ClientAddress) -> AuthError {
        if error.claim_record() {
            let mut event = Event::refused(&error);
            event.address = client.ip();
            self.events.record(&event);
        }
        error
    }
}

/// The policy as a part of keys: another rate begins with other buckets.
fn policy(name: &str, rate: Rate) -> Box<str> {
    format!("{name} {rate}").into()
}

fn address(policy: &str, extensions: &Extensions) -> RateKey {
    let network = client(extensions).limit_key().to_string();
    RateKey::new(PURPOSE, [policy, "address", &network])
}

fn principal(policy: &str, identity: &Identity) -> RateKey {
    RateKey::new(
        PURPOSE,
        [
            policy,
            "principal",
            // An issuer or a tenant of no name is another than none.
            if identity.issuer().is_some() {
                "of"
            } else {
                ""
            },
            identity.issuer().unwrap_or_default(),
            if identity.tenant().is_some() {
                "in"
            } else {
                ""
            },
            identity.tenant().unwrap_or_default(),
            identity.subject(),
        ],
    )
}

fn credential(policy: &str, identity: &Identity) -> RateKey {
    let ids = [
        ("key", identity.key_id()),
        ("session", identity.session_id()),
        ("token", identity.token_id()),
    ];
    let known = ids.into_iter().find_map(|(kind, id)| Some((kind, id?)));
    match known {
        // Issuers choose the ids of their tokens, and may choose the same.
        Some((kind, id)) => {
            let issuer = identity.issuer().unwrap_or_default();
            RateKey::new(PURPOSE, [policy, kind, issuer, id])
        }
        None => principal(policy, identity),
    }
}

fn client(extensions: &Extensions) -> ClientAddress {
    let client = extensions.get::<ClientAddress>().copied();
    client.unwrap_or_else(ClientAddress::unknown)
}

impl<R> fmt::Debug for RateLimit<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("name", &self.rule.name)
            .field("allows_uncounted", &self.rule.allows_uncounted)
            .finish_non_exhaustive()
    }
}
