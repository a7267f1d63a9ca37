//! The data that handlers keep in a session.

use std::collections::HashMap;
use std::fmt;

use auth_layer::{AuthError, AuthErrorKind};
use bytes::Bytes;
use serde_json::Value;

/// The data of a session: JSON text of an object, or empty. Stores keep it as it is.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SessionData(Bytes);

impl SessionData {
    /// Data that was stored.
    #[must_use]
    pub const fn from_bytes(json: Bytes) -> Self {
        Self(json)
    }

    /// The bytes to store.
    pub const fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    pub(crate) fn encode(data: &HashMap<String, Value>) -> Result<Self, AuthError> {
        if data.is_empty() {
            return Ok(Self::default());
        }
        match serde_json::to_vec(data) {
            Ok(json) => Ok(Self(json.into())),
            Err(error) => Err(broken("unencodable_session_data").with_source(error)),
        }
    }

    pub(crate) fn decode(&self) -> Result<HashMap<String, Value>, AuthError> {
        if self.0.is_empty() {
            return Ok(HashMap::new());
        }
        serde_json::from_slice(&self.0)
            .map_err(|error| broken("undecodable_session_data").with_source(error))
    }
}

fn broken(reason: &'static str) -> AuthError {
    AuthError::new(AuthErrorKind::Internal, reason)
}

impl fmt::Debug for SessionData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionData({} bytes)", self.0.len())
    }
}
