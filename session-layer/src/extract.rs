//! Extractor for axum.

use auth_layer::{AuthError, AuthErrorKind};
use axum_core::extract::FromRequestParts;
use http::request::Parts;

use crate::{SessionHandle, UnindexedSession};

/// Fails, with 500, only if there is no [`SessionLayer`](crate::SessionLayer) around the route.
impl<S: Send + Sync> FromRequestParts<S> for SessionHandle {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, AuthError> {
        parts.extensions.get().cloned().ok_or_else(|| {
            let error = AuthError::new(AuthErrorKind::Misconfigured, "no_session_layer");
            error.with_source("put a `SessionLayer` around this route, with `Router::layer`")
        })
    }
}

/// Fails, with 500, only if there is no [`Unindexed`](crate::Unindexed) layer around the route.
impl<S: Send + Sync> FromRequestParts<S> for UnindexedSession {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, AuthError> {
        parts.extensions.get().cloned().ok_or_else(|| {
            let error = AuthError::new(AuthErrorKind::Misconfigured, "no_session_layer");
            error.with_source("put a layer of `SessionLayer::danger_unindexed` around this route")
        })
    }
}
