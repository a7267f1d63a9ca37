#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod authorization;
mod challenge;
mod clock;
mod error;
mod event;
mod identity;
mod layer;
mod password;
mod refusal;
mod scheme;
mod secret;

pub use self::authorization::authorization;
pub use self::challenge::{Challenge, Challenges};
pub use self::clock::{Clock, SharedClock, from_unix_seconds, unix_seconds};
pub use self::error::{AuthError, AuthErrorKind, ConfigError, Needed, check_duration};
#[cfg(feature = "metrics")]
pub use self::event::MetricsSink;
#[cfg(feature = "tracing")]
pub use self::event::TracingSink;
pub use self::event::{Event, EventKind, EventSink, Events};
pub use self::identity::{Factor, FactorKind, Identity, IdentityBuilder, InvalidScope, ScopeSet};
pub use self::layer::{AuthLayer, Authenticate, ResponseFuture};
pub use self::password::{PasswordCredentials, PasswordVerifier};
pub use self::refusal::{EmptyBody, Problem, RefusalBody, refusal};
pub use self::scheme::{ConflictPolicy, Scheme, SchemeFn, scheme_fn};
pub use self::secret::{
    ExposeSecret, SecretBox, SecretDigest, SecretSlice, SecretString, random_bytes,
};
