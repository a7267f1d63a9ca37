//! The suite for [`ApiKeyStore`].

mod listing;
mod races;
mod trial;
mod verbs;

use apikey_layer::ApiKeyStore;

use self::trial::Trial;
use super::race::need_threads;

const ATOMIC: &str = "Each verb is atomic";
const FOR_GOOD: &str = "A revocation is for good, and keeps the time of the first";
const LIMIT: &str =
    "`insert` never overwrites, and never leaves an owner with more keys than the limit";
const ROTATE: &str = "`rotate` succeeds only while the current digest is the one it names and the key is not revoked";
const SEEN: &str = "A change that returned `Ok` is seen by every later `find`";

/// Checks an [`ApiKeyStore`] against its contract.
///
/// What is checked:
///
/// - what was inserted is found, with all its parts, also when it has expired, is disabled or is
///   revoked; a taken id is not overwritten, and an owner
///   gets no more keys than the limit; `find_now` and `find_recent` say what `find` says;
/// - `rotate` needs the current digest and a key that is not revoked, and keeps the replaced digest
///   with its end;
/// - a revocation keeps the time of the first, and no other verb undoes it; `revoke_owned_by` ends
///   the keys of one owner and says how many;
/// - `touch` keeps the latest use of each key and moves nothing else, no other verb moves that, and of
///   a use no key is made;
/// - `list` has the keys of one owner in the order of their ids, by pages, revoked ones included;
/// - of parallel inserts, by callers whose clocks are `MAX_LEEWAY` apart, and rotations one succeeds; of a rotation, a revocation, a switch and a use
///   at once none undoes another; what is dropped half-way leaves no half.
///
/// ```
/// use apikey_layer::MemoryApiKeys;
/// use auth_test::contract;
///
/// # #[tokio::main(flavor = "multi_thread", worker_threads = 2)] async fn main() {
/// contract::api_key_store(async || MemoryApiKeys::new()).await;
/// # }
/// ```
///
/// # Panics
///
/// Panics if the store breaks the contract or returns an error, and on a runtime with one thread.
pub async fn api_key_store<S: ApiKeyStore>(make: impl AsyncFn() -> S) {
    need_threads();
    verbs::check_all(&Trial::new(make().await)).await;
    listing::check_all(&Trial::new(make().await)).await;
    races::check_all(&Trial::new(make().await)).await;
}
