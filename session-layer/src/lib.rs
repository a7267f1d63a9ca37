#![cfg_attr(feature = "axum", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "axum"),
    doc = "Cookie sessions for Tower. The guide is in the README and in the documentation with all features."
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod adapter;
mod backend;
mod config;
mod cookie;
mod csrf;
#[cfg(feature = "axum")]
mod extract;
mod handle;
mod id;
mod layer;
mod limits;
mod memory;
mod record;
mod remember;
mod scheme;
mod secret;
mod sessions;
mod standing;

pub use auth_layer::UserKey;
pub use tower_sessions_core::Session;

pub use self::backend::{
    CreateOutcome, NewSession, RotateOutcome, SessionBackend, SessionCap, SessionLookup,
    SharedSessionBackend, Touch, UpdateOutcome, WhenFull,
};
pub use self::cookie::{CookiePrefix, SameSite};
pub use self::csrf::{SameOrigin, SameOriginLayer};
pub use self::handle::{SessionHandle, UnindexedSession};
pub use self::id::{InvalidSessionId, SessionId};
pub use self::layer::{
    Indexed, SaveFuture, SaveSession, SessionLayer, SessionLayerBuilder, SessionService, SiteData,
    Unindexed,
};
pub use self::limits::SessionLimits;
pub use self::memory::MemorySessionBackend;
pub use self::record::{DecodeRecordError, Device, SessionData, SessionRecord};
pub use self::remember::{
    DecodeRememberedLoginError, MemoryRememberStore, NewSeries, RedeemOutcome, Redemption,
    RememberMe, RememberStore, RememberedLogin, SharedRememberStore,
};
pub use self::scheme::{SessionCredential, SessionScheme, VerifySession};
pub use self::sessions::{SessionInfo, Sessions};
pub use self::standing::{CredentialEpochs, EpochLookup};

/// The name of the scheme, in identities, events and metrics.
pub const SCHEME: &str = "session";

/// The examples of the guides.
#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../docs/from-axum-login.md")]
#[doc = include_str!("../docs/from-tower-sessions.md")]
struct Guides;
