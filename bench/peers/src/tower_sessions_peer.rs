//! tower-sessions: the user's name under a key.

macro_rules! peer {
    ($name:ident, $krate:ident) => {
        pub(crate) mod $name {
            use axum::Router;
            use axum::routing::get;
            use $krate::{Session, SessionManagerLayer, SessionStore};

            async fn log_in(session: Session) {
                session
                    .insert("user", bench::sections::sessions::USER)
                    .await
                    .expect("stored");
            }

            async fn log_out(session: Session) {
                session.flush().await.expect("stored");
            }

            async fn me(session: Session) -> impl axum::response::IntoResponse {
                let user: Option<String> = session.get("user").await.expect("read");
                bench::sections::sessions::private(user.unwrap_or_default())
            }

            pub(crate) fn router<S: SessionStore + Clone>(store: S, always_save: bool) -> Router {
                let layer = SessionManagerLayer::new(store).with_always_save(always_save);
                Router::new()
                    .route("/me", get(me))
                    .route("/login", get(log_in))
                    .route("/logout", get(log_out))
                    .layer(layer)
            }
        }
    };
}

peer!(v015, tower_sessions);
peer!(v014, tower_sessions_014);
