//! Our layers, as the documentation shows them.

use auth_layer::basic::{Basic, StaticUsers};
use auth_layer::{AuthError, AuthLayer, Challenge, Identity, Scheme, SecretDigest, scheme_fn};
use axum::http::HeaderValue;

use crate::users::USERS;

/// Basic for [`USERS`].
pub(crate) fn basic() -> Basic<StaticUsers> {
    let mut users = StaticUsers::new();
    for (name, password) in USERS {
        users = users.user(Identity::new("basic", name), password);
    }
    Basic::new("bench", users)
}

/// A scheme on `Authorization`.
pub(crate) fn robots() -> impl Scheme + Clone {
    let secret = SecretDigest::of("beep");
    scheme_fn(
        "robot",
        |parts| Ok(auth_layer::authorization(&parts.headers, "Robot").map(SecretDigest::of)),
        move |sent| async move {
            let known = (sent == secret).then(|| Identity::new("robot", "r2d2"));
            known.ok_or(AuthError::invalid("wrong_secret"))
        },
    )
    .with_challenge(Challenge::new("Robot"))
}

/// A scheme on a header of its own.
pub(crate) fn tickets() -> impl Scheme + Clone {
    scheme_fn(
        "ticket",
        |parts| Ok(parts.headers.get("x-ticket").cloned()),
        |ticket: HeaderValue| async move {
            let known = (ticket == "admit-one").then(|| Identity::new("ticket", "visitor"));
            known.ok_or(AuthError::invalid("unknown_ticket"))
        },
    )
}

/// One layer, one scheme.
pub(crate) fn layer() -> AuthLayer<Basic<StaticUsers>> {
    AuthLayer::new(basic())
}
