//! What Redis could not do, as the layers hear it.

use auth_layer::AuthError;
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// "Could not ask": answered 503, never read as "no".
#[cold]
pub(crate) fn could_not_ask(error: RedisError) -> AuthError {
    AuthError::unavailable("redis_failed").with_source(error)
}

/// Redis answered what none of our commands is answered with.
#[cold]
pub(crate) fn unexpected_answer() -> AuthError {
    AuthError::unavailable("redis_unexpected_answer")
}

#[cold]
pub(crate) fn timed_out() -> AuthError {
    AuthError::unavailable("redis_timed_out")
}

#[cold]
pub(crate) fn down() -> AuthError {
    AuthError::unavailable("redis_down")
}

/// Whether another connection would serve better than this one.
pub(crate) fn ends_connection(error: &RedisError) -> bool {
    // A master that has become a replica: the pool of a sentinel finds the new one.
    let demoted = matches!(
        error.kind(),
        ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
    );
    demoted || error.is_io_error() || error.is_unrecoverable_error()
}

pub(crate) fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}
