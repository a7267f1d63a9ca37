//! The suite for [`RememberStore`].

mod dropped;
mod races;
mod redeem;
mod trial;
mod verbs;

use session_layer::RememberStore;

use self::trial::Trial;
use super::race::need_threads;

const ATOMIC: &str = "Each method happens as a whole or not at all";
const DEAD: &str = "Dead stays dead";

/// Checks a [`RememberStore`] against its contract.
///
/// What is checked:
///
/// - each method alone: what `insert` stores is what `find` and `redeem` return; a taken selector
///   changes nothing; nobody ends series of another user; of too many the first ones end;
/// - **`redeem`**: the current secret, the one before within its grace and after it (one second
///   before, at, after, and with a clock that is behind), that repeating does not lengthen the
///   grace, any other secret, and the end of the series (SES-21, X-21);
/// - **Atomic**: of parallel redemptions of one secret one rotates and all others repeat, each with
///   the same next secret left; parallel inserts keep the bound; what is dropped leaves no half;
/// - **Dead stays dead**: after each way to end a series, and while it is redeemed by others.
///
/// ```
/// use auth_test::contract;
/// use session_layer::MemoryRememberStore;
///
/// # #[tokio::main(flavor = "multi_thread", worker_threads = 2)] async fn main() {
/// contract::remember_store(async || MemoryRememberStore::new()).await;
/// # }
/// ```
///
/// # Panics
///
/// Panics if the store breaks the contract or returns an error, and on a runtime with one thread.
pub async fn remember_store<S: RememberStore>(make: impl AsyncFn() -> S) {
    need_threads();
    verbs::check_all(&Trial::new(make().await)).await;
    redeem::check_all(&Trial::new(make().await)).await;
    dropped::check_all(&Trial::new(make().await)).await;
    races::check_all(&Trial::new(make().await)).await;
}
