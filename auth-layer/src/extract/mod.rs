//! Extractors and rejections for axum.

mod claims;
mod current_user;
mod identity;
mod required;

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};

pub use self::claims::Claims;
pub use self::current_user::{CurrentUser, CurrentUserRejection, FromIdentity};
pub use self::required::{Required, Requires};
use crate::refusal::{Problem, refuse};
use crate::{AuthError, Unauthenticated};

/// Answers with problem details; the layers outside add their challenges.
///
/// So a handler may return `Result<_, AuthError>`.
impl IntoResponse for AuthError {
    fn into_response(self) -> Response {
        refuse::<Body, _>(&Problem, self, false)
    }
}

impl IntoResponse for Unauthenticated {
    fn into_response(self) -> Response {
        AuthError::from(self).into_response()
    }
}
