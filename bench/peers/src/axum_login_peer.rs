//! axum-login, with users in memory.

use std::convert::Infallible;

use axum::Router;
use axum::routing::get;
use axum_login::{AuthManagerLayerBuilder, AuthSession, AuthUser, AuthnBackend};
use bench::sections::sessions::{USER, private};
use tower_sessions_014::{SessionManagerLayer, SessionStore};

#[derive(Clone, Debug)]
pub(crate) struct User {
    name: String,
}

impl AuthUser for User {
    type Id = String;

    fn id(&self) -> String {
        self.name.clone()
    }

    fn session_auth_hash(&self) -> &[u8] {
        b"the hash of a password, of thirty-two bytes"
    }
}

#[derive(Clone)]
pub(crate) struct Users;

impl AuthnBackend for Users {
    type User = User;
    type Credentials = ();
    type Error = Infallible;

    async fn authenticate(&self, (): ()) -> Result<Option<User>, Infallible> {
        Ok(Some(User {
            name: USER.to_owned(),
        }))
    }

    async fn get_user(&self, id: &String) -> Result<Option<User>, Infallible> {
        Ok(Some(User { name: id.clone() }))
    }
}

async fn log_in(mut session: AuthSession<Users>) {
    let user = session
        .authenticate(())
        .await
        .expect("infallible")
        .expect("a user");
    session.login(&user).await.expect("stored");
}

async fn log_out(mut session: AuthSession<Users>) {
    session.logout().await.expect("stored");
}

async fn me(session: AuthSession<Users>) -> impl axum::response::IntoResponse {
    private(session.user.map(|user| user.name).unwrap_or_default())
}

pub(crate) fn router<S: SessionStore + Clone>(store: S) -> Router {
    let layer = AuthManagerLayerBuilder::new(Users, SessionManagerLayer::new(store)).build();
    Router::new()
        .route("/me", get(me))
        .route("/login", get(log_in))
        .route("/logout", get(log_out))
        .layer(layer)
}
