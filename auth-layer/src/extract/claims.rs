//! Verified claims as the application's own type.

use axum_core::extract::FromRequestParts;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::layer::authenticated;
use crate::{AuthError, AuthErrorKind};

/// The verified claims of the identity, read as `T`.
///
/// They are read when a handler asks for them, not before. An identity that has no claims, such as
/// one of a session, reads as an empty object. Claims that do not have the shape of `T` are 403:
/// the token is good, but not for this route.
///
/// ```
/// use auth_layer::Claims;
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Plan {
///     plan: Option<String>,
/// }
///
/// async fn plan(Claims(claims): Claims<Plan>) -> String {
///     claims.plan.unwrap_or_else(|| "free".to_owned())
/// }
/// # let _ = axum::Router::<()>::new().route("/plan", axum::routing::get(plan));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Claims<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Claims<T> {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, AuthError> {
        let (identity, _) = authenticated(&parts.extensions)?;
        identity.claims().map(Self).map_err(|error| {
            AuthError::new(AuthErrorKind::Forbidden, "unexpected_claims")
                .with_scheme(identity.scheme())
                // serde's text may quote a claim; where it happened is enough.
                .with_source(format!(
                    "claims do not fit at line {}, column {}",
                    error.line(),
                    error.column()
                ))
        })
    }
}
