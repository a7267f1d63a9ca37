#![cfg_attr(all(feature = "axum", feature = "basic"), doc = include_str!("../README.md"))]
#![cfg_attr(
    not(all(feature = "axum", feature = "basic")),
    doc = "One `Identity`, one Tower layer for every authentication scheme, guards on routes."
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod authorization;
#[cfg(feature = "basic")]
pub mod basic;
mod challenge;
mod client_address;
mod clock;
#[cfg(feature = "digest")]
pub mod digest;
mod error;
mod event;
#[cfg(feature = "axum")]
mod extract;
mod guard;
mod identity;
mod layer;
mod name_digest;
mod origin;
mod password;
mod rate;
mod refusal;
mod response_headers;
mod revocation;
mod scheme;
#[cfg(feature = "seal")]
mod seal;
mod secret;
mod shards;
mod single_use;
mod strip_headers;
mod user_key;

pub use self::authorization::authorization;
pub use self::challenge::{Challenge, Challenges};
pub use self::client_address::{
    ClientAddress, ClientAddressLayer, ClientAddressService, ClientNetwork, TrustedProxies,
};
pub use self::clock::{Clock, SharedClock, from_unix_seconds, unix_seconds};
pub use self::error::{
    AuthError, AuthErrorKind, ConfigError, Needed, Unauthenticated, check_duration,
};
#[cfg(feature = "metrics")]
pub use self::event::MetricsSink;
#[cfg(feature = "tracing")]
pub use self::event::TracingSink;
pub use self::event::{Event, EventKind, EventSink, Events};
#[cfg(feature = "axum")]
pub use self::extract::{
    Claims, CurrentUser, CurrentUserRejection, FromIdentity, Required, Requires,
};
pub use self::guard::{
    Decision, Guard, GuardFuture, LoginRedirect, RequireAuth, Requirement, ReturnTo,
    WaitingGuardFuture, request_host,
};
pub use self::identity::{
    CredentialEpoch, Factor, FactorKind, Identity, IdentityBuilder, InvalidScope, Roles, ScopeSet,
};
pub use self::layer::{AuthLayer, Authenticate, ResponseFuture};
pub use self::origin::Origin;
pub use self::password::{PasswordCredentials, PasswordVerifier};
pub use self::rate::{
    Charge, MemoryRateCounters, Rate, RateCounters, RateKey, RateLimit, RateLimitService,
    RateState, SharedRateCounters, TakeOutcome,
};
pub use self::refusal::{EmptyBody, Problem, RefusalBody, refusal, refusal_response};
pub use self::response_headers::ResponseHeaders;
pub use self::revocation::{
    IssuedToken, MAX_LEEWAY, MemoryRevocations, Revocations, SharedRevocations, SubjectRevocation,
};
pub use self::scheme::{ConflictPolicy, Scheme, SchemeFn, Verdict, VerifyFuture, scheme_fn};
#[cfg(feature = "seal")]
pub use self::seal::SealingKeys;
pub use self::secret::{
    ExposeSecret, SecretBox, SecretDigest, SecretSlice, SecretString, random_bytes,
};
pub use self::single_use::{MemorySingleUse, SharedSingleUse, SingleUse, SingleUseKey};
pub use self::strip_headers::{StripIdentityHeaders, StripIdentityHeadersService};
pub use self::user_key::UserKey;
