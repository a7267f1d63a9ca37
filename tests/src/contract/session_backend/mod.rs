//! The suite for [`SessionBackend`].

mod cap;
mod collide;
mod dead;
mod dropped;
mod guarded;
mod now;
mod races;
mod time;
mod trial;
mod verbs;
mod writers;

use session_layer::SessionBackend;

use self::trial::Trial;
use super::race::need_threads;

const ATOMIC: &str = "Each method happens as a whole or not at all";
const CAP: &str = "An expired session takes no place under a SessionCap";
const DEAD: &str = "Dead stays dead";
const GUARDED: &str = "write only if the stored version is the one given";
const NOW: &str = "`find_now` agrees with `find`";
const TIME: &str = "Time comes from the caller";

/// Checks a [`SessionBackend`] against its contract.
///
/// What is checked:
///
/// - each method alone: what `create` stores is what `find` and `list` return; a taken secret or a
///   taken id collides and changes nothing; nobody ends or lists sessions of another user;
/// - **Atomic**: of parallel creates, rotations and ends of one session one succeeds; of `rotate`
///   both halves happen or neither, seen from beside and when its future is dropped; what is dropped
///   leaves no half;
/// - **Dead stays dead**: after each way to end a session, and while it is ended by one task and
///   written to by others (SES-04);
/// - **Guarded**: versions, and that parallel updates lose nothing;
/// - **`find_now` agrees with `find`**: after each kind of change, also for what was asked for just
///   before it or all the while;
/// - **Time comes from the caller**: `touch` and `rotate` one second before, at and after the end,
///   and that a touch moves nothing back and nothing past `ends_at` (X-21);
/// - caps: which sessions are evicted, that expired and replaced ones take no place, and that
///   parallel logins never make more than the cap (SES-19).
///
/// An id counts as taken if a live session of the same user has it.
///
/// ```
/// use auth_test::contract;
/// use session_layer::MemorySessionBackend;
///
/// # #[tokio::main(flavor = "multi_thread", worker_threads = 2)] async fn main() {
/// contract::session_backend(async || MemorySessionBackend::new()).await;
/// # }
/// ```
///
/// # Panics
///
/// Panics if the backend breaks the contract or returns an error, and on a runtime with one thread.
pub async fn session_backend<S: SessionBackend>(make: impl AsyncFn() -> S) {
    check_all(make, Partitions::None).await;
}

/// As [`session_backend`], for a store that cannot change two keys in one step; see **Partitions** in
/// the contract.
///
/// One check less is made: between the end of the old session and the storing of the new one,
/// a rotation may be seen with neither. Never with both.
///
/// # Panics
///
/// As `session_backend`.
pub async fn partitioned_session_backend<S: SessionBackend>(make: impl AsyncFn() -> S) {
    check_all(make, Partitions::Several).await;
}

/// Whether a store can change two keys in one step.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Partitions {
    None,
    Several,
}

async fn check_all<S: SessionBackend>(make: impl AsyncFn() -> S, partitions: Partitions) {
    need_threads();
    verbs::check_all(&Trial::new(make().await)).await;
    collide::check_all(&Trial::new(make().await)).await;
    guarded::check_all(&Trial::new(make().await)).await;
    dead::check_all(&Trial::new(make().await)).await;
    now::check_all(&Trial::new(make().await)).await;
    time::check_all(&Trial::new(make().await)).await;
    cap::check_all(&Trial::new(make().await)).await;
    dropped::check_all(&Trial::new(make().await)).await;
    races::check_all(&Trial::new(make().await), partitions).await;
    writers::check_all(&Trial::new(make().await)).await;
}
