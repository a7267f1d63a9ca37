//! axum_session, in memory.

use axum::Router;
use axum::routing::get;
use axum_session::{Session, SessionConfig, SessionLayer, SessionNullPool, SessionStore};
use bench::sections::sessions::{USER, private};
use tokio::runtime::Runtime;

async fn log_in(session: Session<SessionNullPool>) {
    session.set("user", USER);
}

async fn me(session: Session<SessionNullPool>) -> impl axum::response::IntoResponse {
    private(session.get::<String>("user").unwrap_or_default())
}

pub(crate) fn router(runtime: &Runtime) -> Router {
    let store = SessionStore::<SessionNullPool>::new(None, SessionConfig::default());
    let store = runtime.block_on(store).expect("a store without a database");
    Router::new()
        .route("/me", get(me))
        .route("/login", get(log_in))
        .layer(SessionLayer::new(store))
}
