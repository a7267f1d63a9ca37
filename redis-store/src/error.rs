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
    let demoted = match error.kind() {
        ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown) => true,
        ErrorKind::Server(ServerErrorKind::ResponseError) => is_wrapped_demotion(error),
        _ => false,
    };
    demoted || error.is_io_error() || error.is_unrecoverable_error()
}

/// What a script heard from a command, as Redis before 7.0 answers it: `ERR Error running script (…):
/// @user_script:3: @user_script: 3: -READONLY You can't write against a read only replica.`
fn is_wrapped_demotion(error: &RedisError) -> bool {
    let names = |detail: &str| {
        [": -READONLY ", ": -MASTERDOWN "]
            .iter()
            .any(|code| detail.contains(code))
    };
    error.detail().is_some_and(names)
}

pub(crate) fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

#[cfg(test)]
mod tests {
    use redis::parse_redis_value;

    use super::*;

    #[test]
    fn a_demoted_master_is_left_also_if_a_script_heard_of_it() {
        for (answer, ends) in [
            (
                "READONLY You can't write against a read only replica.",
                true,
            ),
            (
                "READONLY You can't write against a read only replica. script: 1f, on @user_script:9.",
                true,
            ),
            (
                "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
                true,
            ),
            (
                "ERR Error running script (call to f_1f): @user_script:9: @user_script: 9: -READONLY You can't write against a read only replica. ",
                true,
            ),
            (
                "ERR Error running script (call to f_1f): @user_script:2: @user_script: 2: -MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'. ",
                true,
            ),
            (
                "ERR Error running script (call to f_1f): @user_script:9: @user_script: 9: -OOM command not allowed when used memory > 'maxmemory'. ",
                false,
            ),
            ("ERR unknown command 'READONLY '", false),
            (
                "OOM command not allowed when used memory > 'maxmemory'.",
                false,
            ),
            ("NOSCRIPT No matching script. Please use EVAL.", false),
        ] {
            let raw = format!("-{answer}\r\n");
            let error = parse_redis_value(raw.as_bytes()).and_then(redis::Value::extract_error);
            assert_eq!(ends_connection(&error.unwrap_err()), ends, "{answer}");
        }
    }
}
