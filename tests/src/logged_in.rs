//! Requests as a logged-in user.

use std::future::{Ready, ready};

use auth_layer::{AuthError, AuthLayer, Identity, Scheme};
use http::request::Parts;

/// Makes every request arrive as `identity`: the answer to "how do I test a handler as a logged-in
/// user?".
///
/// Put it around the application. The application's own layers stay as they are: they see a request
/// without a credential of theirs and pass it on.
///
/// ```
/// use auth_layer::{Identity, RequireAuth};
/// use auth_test::{TestClient, with_identity};
/// use axum::{Router, routing::get};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let app = Router::new()
///     .route("/hello", get(|who: Identity| async move { format!("hello {}", who.subject()) }))
///     .route_layer(RequireAuth::role("admin"));
///
/// let ann = Identity::builder("test", "ann").role("admin").build();
/// let client = TestClient::new(app.layer(with_identity(ann)));
/// assert_eq!(client.get("/hello").await.text(), "hello ann");
/// # }
/// ```
pub fn with_identity(identity: Identity) -> AuthLayer<FixedIdentity> {
    AuthLayer::new(FixedIdentity {
        identity: Some(identity),
    })
}

/// Makes every request arrive anonymous, with the layers in place: for testing that a handler
/// refuses.
pub fn anonymous() -> AuthLayer<FixedIdentity> {
    AuthLayer::new(FixedIdentity { identity: None })
}

/// A scheme that proves the same identity for every request. See [`with_identity`].
#[derive(Clone, Debug)]
pub struct FixedIdentity {
    identity: Option<Identity>,
}

impl Scheme for FixedIdentity {
    type Credential = Identity;
    type Future = Ready<Result<Identity, AuthError>>;

    fn name(&self) -> &'static str {
        "test"
    }

    fn extract(&self, _parts: &Parts) -> Result<Option<Identity>, AuthError> {
        Ok(self.identity.clone())
    }

    fn verify(&self, identity: Identity) -> Self::Future {
        ready(Ok(identity))
    }
}
