//! What a layer, its scheme and its handles share.

use std::time::SystemTime;

use auth_layer::{Events, SharedClock};
use http::HeaderValue;

use crate::backend::{SessionCap, SharedSessionBackend};
use crate::cookie::CookieConfig;
use crate::csrf::CsrfPolicy;
use crate::remember::RememberConfig;
use crate::standing::UserStanding;
use crate::{SessionLimits, Sessions};

pub(crate) struct Config {
    pub(crate) sessions: Sessions,
    pub(crate) limits: SessionLimits,
    pub(crate) cookie: CookieConfig,
    pub(crate) cap: Option<SessionCap>,
    pub(crate) keep_on_login: Vec<Box<str>>,
    pub(crate) csrf: std::sync::Arc<CsrfPolicy>,
    pub(crate) allow_missing_origin: bool,
    /// Whether the backend is all that a `SessionBackend` is.
    pub(crate) is_indexed: bool,
    pub(crate) remember: Option<RememberConfig>,
    pub(crate) standing: UserStanding,
    /// `Clear-Site-Data` of responses to a logout.
    pub(crate) clear_site_data: Option<HeaderValue>,
}

impl Config {
    pub(crate) fn backend(&self) -> &SharedSessionBackend {
        &self.sessions.backend
    }

    pub(crate) fn events(&self) -> &Events {
        &self.sessions.events
    }

    pub(crate) fn clock(&self) -> &SharedClock {
        &self.sessions.clock
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.clock().now()
    }
}
