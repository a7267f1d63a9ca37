//! axum_session, in memory and on Redis.

use axum::Router;
use axum::routing::get;
use axum_session::{
    DatabasePool, Session, SessionConfig, SessionLayer, SessionNullPool, SessionStore,
};
use axum_session_redispool::SessionRedisPool;
use bench::sections::sessions::{USER, private};
use tokio::runtime::Runtime;

async fn log_in<T>(session: Session<T>)
where
    T: DatabasePool + Clone + std::fmt::Debug + Sync + Send + 'static,
{
    session.set("user", USER);
}

async fn log_out<T>(session: Session<T>)
where
    T: DatabasePool + Clone + std::fmt::Debug + Sync + Send + 'static,
{
    session.destroy();
}

async fn me<T>(session: Session<T>) -> impl axum::response::IntoResponse
where
    T: DatabasePool + Clone + std::fmt::Debug + Sync + Send + 'static,
{
    private(session.get::<String>("user").unwrap_or_default())
}

fn routes<T>(store: SessionStore<T>) -> Router
where
    T: DatabasePool + Clone + std::fmt::Debug + Sync + Send + 'static,
{
    Router::new()
        .route("/me", get(me::<T>))
        .route("/login", get(log_in::<T>))
        .route("/logout", get(log_out::<T>))
        .layer(SessionLayer::new(store))
}

pub(crate) fn router(runtime: &Runtime) -> Router {
    let store = SessionStore::<SessionNullPool>::new(None, SessionConfig::default());
    routes(runtime.block_on(store).expect("a store without a database"))
}

/// With its own copies, which do not see what other nodes change, or without them.
pub(crate) fn on_redis(runtime: &Runtime, url: &str, copies: bool) -> Router {
    let client = redis::Client::open(url).expect("a url");
    let pool = SessionRedisPool::from(redis_pool::RedisPool::from(client));
    let mut config = SessionConfig::default();
    if !copies {
        config = config.with_memory_lifetime(time::Duration::ZERO);
    }
    let store = runtime.block_on(SessionStore::new(Some(pool), config));
    routes(store.expect("Redis"))
}
