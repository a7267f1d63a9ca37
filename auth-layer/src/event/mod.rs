//! What happened, as one typed stream.

#[cfg(feature = "metrics")]
mod metrics_sink;
#[cfg(feature = "tracing")]
mod tracing_sink;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

#[cfg(feature = "metrics")]
pub use self::metrics_sink::MetricsSink;
#[cfg(feature = "tracing")]
pub use self::tracing_sink::TracingSink;
use crate::{AuthError, AuthErrorKind, Identity};

/// What kind of event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// A credential was verified.
    Authenticated,
    /// Two credentials of one request contradicted each other.
    Conflict,
    /// A factor was added to an account.
    FactorAdded,
    /// A factor was removed from an account.
    FactorRemoved,
    /// A known identity was turned away.
    Forbidden,
    /// An API key was made.
    KeyCreated,
    /// An API key was switched off.
    KeyDisabled,
    /// An API key was switched on again.
    KeyEnabled,
    /// An API key was given a successor.
    KeyRotated,
    /// The keys of an issuer could not be fetched, and there are no old ones to go on with.
    KeysFetchFailed,
    /// The keys of an issuer were fetched.
    KeysFetched,
    /// An attempt was turned away because there were too many.
    Limited,
    /// An account was linked to one at another provider.
    Linked,
    /// A user logged in.
    LoggedIn,
    /// A user logged out.
    LoggedOut,
    /// A login failed.
    LoginFailed,
    /// A password was changed.
    PasswordChanged,
    /// A credential was refused.
    Refused,
    /// A session, token, key or everything of a subject was taken back.
    Revoked,
    /// A signing key was given a successor.
    SigningKeyRotated,
    /// The keys of an issuer could not be fetched anew, and the old ones go on being used.
    StaleKeysUsed,
    /// An API key was used with a secret that has been replaced and is good for a while yet.
    SupersededKeyUsed,
    /// A token was issued.
    TokenIssued,
    /// A refresh token was exchanged for its successor.
    TokenRefreshed,
    /// A single-use token was used again.
    TokenReused,
    /// Nobody was logged in where an identity was needed.
    Unauthenticated,
    /// A credential could not be checked.
    Unavailable,
}

impl EventKind {
    /// The name in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authenticated => "authenticated",
            Self::Conflict => "conflict",
            Self::FactorAdded => "factor_added",
            Self::FactorRemoved => "factor_removed",
            Self::Forbidden => "forbidden",
            Self::KeyCreated => "key_created",
            Self::KeyDisabled => "key_disabled",
            Self::KeyEnabled => "key_enabled",
            Self::KeyRotated => "key_rotated",
            Self::KeysFetchFailed => "keys_fetch_failed",
            Self::KeysFetched => "keys_fetched",
            Self::Limited => "limited",
            Self::Linked => "linked",
            Self::LoggedIn => "logged_in",
            Self::LoggedOut => "logged_out",
            Self::LoginFailed => "login_failed",
            Self::PasswordChanged => "password_changed",
            Self::Refused => "refused",
            Self::Revoked => "revoked",
            Self::SigningKeyRotated => "signing_key_rotated",
            Self::StaleKeysUsed => "stale_keys_used",
            Self::SupersededKeyUsed => "superseded_key_used",
            Self::TokenIssued => "token_issued",
            Self::TokenRefreshed => "token_refreshed",
            Self::TokenReused => "token_reused",
            Self::Unauthenticated => "unauthenticated",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Something that happened, without a secret in it.
///
/// `kind`, `scheme` and `reason` come from fixed sets and may label metrics; the rest names persons
/// and addresses and belongs in logs only.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// What happened.
    pub kind: EventKind,
    /// The scheme it happened to.
    pub scheme: Option<&'static str>,
    /// Why.
    pub reason: Option<&'static str>,
    /// Who it was about, if that is proved.
    pub identity: Option<&'a Identity>,
    /// Who it was about where nothing is proved, such as the name in a failed login. It is the
    /// client's text: escape it.
    pub claimed_subject: Option<&'a str>,
    /// The public id of the session, key or token; the address of an issuer's keys.
    pub object_id: Option<&'a str>,
    /// Where it came from.
    pub address: Option<IpAddr>,
    /// The error behind a refusal.
    pub error: Option<&'a AuthError>,
}

impl<'a> Event<'a> {
    /// An event with nothing but its kind.
    #[must_use]
    pub const fn new(kind: EventKind) -> Self {
        Self {
            kind,
            scheme: None,
            reason: None,
            identity: None,
            claimed_subject: None,
            object_id: None,
            address: None,
            error: None,
        }
    }

    /// A credential was verified.
    #[must_use]
    pub fn authenticated(identity: &'a Identity) -> Self {
        Self::new(EventKind::Authenticated).with_identity(identity)
    }

    /// A request was refused with `error`.
    #[must_use]
    pub fn refused(error: &'a AuthError) -> Self {
        let kind = match error.kind() {
            AuthErrorKind::Conflict => EventKind::Conflict,
            AuthErrorKind::Forbidden
            | AuthErrorKind::InsufficientAuthentication
            | AuthErrorKind::InsufficientScope => EventKind::Forbidden,
            AuthErrorKind::Limited => EventKind::Limited,
            AuthErrorKind::Missing | AuthErrorKind::Absent => EventKind::Unauthenticated,
            AuthErrorKind::Unavailable | AuthErrorKind::Internal | AuthErrorKind::Misconfigured => {
                EventKind::Unavailable
            }
            _ => EventKind::Refused,
        };
        Self {
            scheme: error.scheme(),
            reason: Some(error.reason()),
            object_id: error.object_id(),
            address: error.address(),
            error: Some(error),
            ..Self::new(kind)
        }
    }

    /// Says who it was about, and by which scheme.
    #[must_use]
    pub fn with_identity(mut self, identity: &'a Identity) -> Self {
        self.scheme = Some(identity.scheme());
        self.identity = Some(identity);
        self
    }

    /// Says why.
    #[must_use]
    pub const fn with_reason(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Says which scheme it was.
    #[must_use]
    pub const fn with_scheme(mut self, scheme: &'static str) -> Self {
        self.scheme = Some(scheme);
        self
    }

    /// Says who it claims to be about.
    #[must_use]
    pub const fn with_claimed_subject(mut self, subject: &'a str) -> Self {
        self.claimed_subject = Some(subject);
        self
    }

    /// Names the session, key or token by its public id.
    #[must_use]
    pub const fn with_object_id(mut self, id: &'a str) -> Self {
        self.object_id = Some(id);
        self
    }

    /// Keeps the error behind it.
    #[must_use]
    pub const fn with_error(mut self, error: &'a AuthError) -> Self {
        self.error = Some(error);
        self
    }

    /// Says where it came from.
    #[must_use]
    pub const fn with_address(mut self, address: IpAddr) -> Self {
        self.address = Some(address);
        self
    }
}

/// Takes events. Called on the request path: hand over, do not wait.
pub trait EventSink: Send + Sync + 'static {
    /// Takes one event.
    fn record(&self, event: &Event<'_>);
}

impl<F> EventSink for F
where
    F: Fn(&Event<'_>) + Send + Sync + 'static,
{
    fn record(&self, event: &Event<'_>) {
        self(event);
    }
}

/// Where events go: any number of [`EventSink`]s.
///
/// The default is the `tracing` sink if that feature is on, and nothing otherwise.
#[derive(Clone)]
pub struct Events {
    sinks: Sinks,
}

#[derive(Clone)]
enum Sinks {
    None,
    #[cfg(feature = "tracing")]
    Tracing,
    Many(Arc<[Arc<dyn EventSink>]>),
}

impl Events {
    /// No events.
    #[must_use]
    pub const fn none() -> Self {
        Self { sinks: Sinks::None }
    }

    /// Adds a sink to those that are there.
    #[must_use]
    pub fn and(self, sink: impl EventSink) -> Self {
        let mut sinks: Vec<Arc<dyn EventSink>> = match &self.sinks {
            Sinks::None => Vec::new(),
            #[cfg(feature = "tracing")]
            Sinks::Tracing => vec![Arc::new(TracingSink)],
            Sinks::Many(sinks) => sinks.to_vec(),
        };
        sinks.push(Arc::new(sink));
        Self {
            sinks: Sinks::Many(sinks.into()),
        }
    }

    /// Only this sink.
    #[must_use]
    pub fn to(sink: impl EventSink) -> Self {
        Self::none().and(sink)
    }

    /// Hands an event to every sink.
    pub fn record(&self, event: &Event<'_>) {
        match &self.sinks {
            Sinks::None => {}
            #[cfg(feature = "tracing")]
            Sinks::Tracing => TracingSink.record(event),
            Sinks::Many(sinks) => sinks.iter().for_each(|sink| sink.record(event)),
        }
    }
}

impl Default for Events {
    fn default() -> Self {
        #[cfg(feature = "tracing")]
        let sinks = Sinks::Tracing;
        #[cfg(not(feature = "tracing"))]
        let sinks = Sinks::None;
        Self { sinks }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.sinks {
            Sinks::None => "Events(none)",
            #[cfg(feature = "tracing")]
            Sinks::Tracing => "Events(tracing)",
            Sinks::Many(_) => "Events(custom)",
        })
    }
}
