//! Which keys were found good lately: [`ProvenKeys`].

use std::pin::pin;
use std::time::{Duration, SystemTime};

use auth_layer::{SecretDigest, SharedClock};
use futures_util::future::poll_immediate;
use quick_cache::sync::{Cache, DefaultLifecycle, PlaceholderGuard};
use quick_cache::{DefaultHashBuilder, UnitWeighter};

/// How many keys are remembered; one takes about 100 bytes.
const CAPACITY: usize = 10_000;

/// For how long after it was last looked up and found good.
const LATELY: Duration = Duration::from_secs(60 * 60);

/// The digest of a whole key: whoever finds one in here has its secret. How long it takes to look it up
/// tells of the digest at most, and nobody can choose that.
type Digest = [u8; 32];

/// The keys that were found good lately, and when. They are spared a payment beforehand and nothing
/// else: each is looked up and judged all the same.
pub(super) struct ProvenKeys {
    found_good: Cache<Digest, SystemTime>,
}

/// The first of several requests with a key that is not in there. It is the next one's when it is
/// dropped.
pub(super) type Turn<'a> = PlaceholderGuard<
    'a,
    Digest,
    SystemTime,
    UnitWeighter,
    DefaultHashBuilder,
    DefaultLifecycle<Digest, SystemTime>,
>;

pub(super) enum Proof<'a> {
    Good,
    /// It is not known, and nobody else is finding out.
    First(Turn<'a>),
    /// It is not known, and whoever was first did not find it good.
    Unknown,
}

impl ProvenKeys {
    /// Whether a key was found good lately. If somebody is finding out, that is waited for, once: nobody
    /// waits for a whole row of others, one after the other.
    pub(super) async fn ask(&self, digest: &SecretDigest, clock: &SharedClock) -> Proof<'_> {
        let (digest, now) = (digest.as_bytes(), clock.now());
        let is_old = |at: &SystemTime| !now.duration_since(*at).is_ok_and(|age| age < LATELY);
        self.found_good.remove_if(digest, is_old);
        let mut answer = pin!(self.found_good.get_value_or_guard_async(digest));
        match poll_immediate(answer.as_mut()).await {
            Some(Ok(_)) => Proof::Good,
            Some(Err(turn)) => Proof::First(turn),
            None => answer.await.map_or(Proof::Unknown, |_| Proof::Good),
        }
    }

    /// It was looked up just now, and is good.
    pub(super) fn remember(
        &self,
        digest: &SecretDigest,
        clock: &SharedClock,
        turn: Option<Turn<'_>>,
    ) {
        let now = clock.now();
        match turn {
            // Forgotten meanwhile: it was found bad.
            Some(turn) => drop(turn.insert(now)),
            None => self.found_good.insert(*digest.as_bytes(), now),
        }
    }

    pub(super) fn forget(&self, digest: &SecretDigest) {
        self.found_good.remove_if(digest.as_bytes(), |_| true);
    }
}

impl Default for ProvenKeys {
    fn default() -> Self {
        Self {
            found_good: Cache::new(CAPACITY),
        }
    }
}
