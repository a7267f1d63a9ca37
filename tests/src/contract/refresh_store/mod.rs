//! The suite for [`RefreshStore`].

mod dropped;
mod races;
mod rotate;
mod trial;
mod verbs;

use jwt_layer::refresh::RefreshStore;

use self::trial::Trial;
use super::race::need_threads;

const ATOMIC: &str = "Each method happens as a whole or not at all";
const DEAD: &str = "Dead stays dead";

/// Checks a [`RefreshStore`] against its contract.
///
/// What is checked:
///
/// - each method alone: what `insert` stores is what `find` and `list` return; a taken id changes
///   nothing; nobody sees or ends families of another user;
/// - **`rotate`**: the current token; the token used last, within the window and outside it (one
///   second before, at, after, and with a clock that is behind), that replays are counted and do not
///   lengthen the window, and that each is answered with the successor of the first use; any other
///   token, and that a family which ended by that stays ended and says so (REF-01 to REF-06);
/// - **Atomic**: of fifty parallel rotations of one token one rotates and all others are given its
///   successor, as many as are allowed; what is dropped leaves no half;
/// - **Dead stays dead**: after each way to end a family, and while it is rotated by others.
///
/// ```
/// use auth_test::contract;
/// use jwt_layer::refresh::MemoryRefreshStore;
///
/// # #[tokio::main(flavor = "multi_thread", worker_threads = 2)] async fn main() {
/// contract::refresh_store(async || MemoryRefreshStore::new()).await;
/// # }
/// ```
///
/// # Panics
///
/// Panics if the store breaks the contract or returns an error, and on a runtime with one thread.
pub async fn refresh_store<S: RefreshStore>(make: impl AsyncFn() -> S) {
    need_threads();
    verbs::check_all(&Trial::new(make().await)).await;
    rotate::check_all(&Trial::new(make().await)).await;
    dropped::check_all(&Trial::new(make().await)).await;
    races::check_all(&Trial::new(make().await)).await;
}
