//! [`Identity`] as an extractor.

use std::convert::Infallible;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;

use crate::layer::authenticated;
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
impl<S: Send + Sync> OptionalFromRequestParts<S> for Identity {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}
