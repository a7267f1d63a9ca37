//! [`Identity`] as an extractor.

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;

use crate::layer::{authenticated, is_visited};
use crate::{AuthError, Identity};

/// Answers 401 if nobody is logged in, and 500 if no [`AuthLayer`](crate::AuthLayer) ran.
///
/// ```
/// use auth_layer::Identity;
///
/// async fn me(identity: Identity) -> String {
///     identity.subject().to_owned()
/// }
/// # let _ = axum::Router::<()>::new().route("/me", axum::routing::get(me));
/// ```
impl<S: Send + Sync> FromRequestParts<S> for Identity {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, AuthError> {
        authenticated(&parts.extensions).map(|(identity, _)| identity.clone())
    }
}

/// `None` means that no credential was sent, never that a bad one was: the layer answered that.
/// Without a layer it is 500, as for `Identity`.
impl<S: Send + Sync> OptionalFromRequestParts<S> for Identity {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, AuthError> {
        let identity = parts.extensions.get::<Self>().cloned();
        if identity.is_none() && !is_visited(&parts.extensions) {
            return Err(authenticated(&parts.extensions)
                .err()
                .unwrap_or_else(AuthError::missing));
        }
        Ok(identity)
    }
}
