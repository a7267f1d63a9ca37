//! What a store keeps of a family: [`FamilyState`].

use std::time::{Duration, SystemTime};

use auth_layer::SecretDigest;

use super::Family;

/// What is kept of a family: what never changes, and which tokens it has.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FamilyState {
    /// What never changes.
    pub family: Family,
    /// The digest of the token that is good now.
    pub current: SecretDigest,
    /// The token that was good before, if there was one.
    pub used: Option<UsedToken>,
    /// When the family is over unless it is used, to the millisecond; at most its `ends_at`.
    pub expires_at: SystemTime,
    /// Whether a token was used again, which ended the family.
    pub reused: bool,
}

/// A token that has been exchanged for the next one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UsedToken {
    /// Its digest.
    pub digest: SecretDigest,
    /// When it was exchanged, to the millisecond.
    pub at: SystemTime,
    /// How often it was sent again since, and answered with its successor.
    pub replays: u32,
    /// The next token, encrypted under this one.
    pub successor: Vec<u8>,
}

impl UsedToken {
    /// A token that was exchanged at `at`, and has not come again; for stores.
    #[must_use]
    pub const fn new(digest: SecretDigest, at: SystemTime) -> Self {
        Self {
            digest,
            at,
            replays: 0,
            successor: Vec::new(),
        }
    }
}

impl FamilyState {
    /// A family whose first token is `current`.
    #[must_use]
    pub const fn new(family: Family, current: SecretDigest, expires_at: SystemTime) -> Self {
        Self {
            family,
            current,
            used: None,
            expires_at,
            reused: false,
        }
    }

    /// Whether it has a token that is good at `now`.
    pub fn is_live(&self, now: SystemTime) -> bool {
        !self.reused && now < self.expires_at
    }

    /// When a token of it was last exchanged for another.
    pub fn last_used_at(&self) -> SystemTime {
        self.used
            .as_ref()
            .map_or(self.family.began_at, |used| used.at)
    }

    /// What a store has to answer to a rotation, and, changed accordingly, what it has to keep. For
    /// stores that can change a whole state in one step.
    pub fn rotate(&mut self, rotation: &Rotation) -> RotateOutcome {
        if rotation.now >= self.expires_at {
            return RotateOutcome::Unknown;
        }
        match self.standing(&rotation.presented, rotation.now, rotation.window) {
            Standing::Current => {
                let mut used = UsedToken::new(self.current, rotation.now);
                used.successor.clone_from(&rotation.successor);
                self.used = Some(used);
                self.current = rotation.next;
                self.expires_at = rotation.expires_at;
                RotateOutcome::Rotated
            }
            Standing::JustUsed => match &mut self.used {
                Some(used) if used.replays < rotation.max_replays => {
                    used.replays += 1;
                    RotateOutcome::Repeated(used.successor.clone())
                }
                _ => RotateOutcome::Exhausted,
            },
            Standing::Reused => {
                self.reused = true;
                RotateOutcome::Reused
            }
        }
    }

    /// What `presented` is to a family that is not over at `now`. What is once reused stays it.
    pub(super) fn standing(
        &self,
        presented: &SecretDigest,
        now: SystemTime,
        window: Duration,
    ) -> Standing {
        if self.reused {
            return Standing::Reused;
        }
        if self.current == *presented {
            return Standing::Current;
        }
        match &self.used {
            Some(used) if used.digest == *presented && away(now, used.at) < window => {
                Standing::JustUsed
            }
            _ => Standing::Reused,
        }
    }
}

/// The clocks of two servers may differ: what is a moment earlier is near too.
fn away(now: SystemTime, at: SystemTime) -> Duration {
    now.duration_since(at).unwrap_or_else(|e| e.duration())
}

/// What a token is to its family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Current,
    JustUsed,
    Reused,
}

/// The use of a token.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rotation {
    /// The digest of the token that was sent.
    pub presented: SecretDigest,
    /// The digest of the token that shall replace it.
    pub next: SecretDigest,
    /// That token, encrypted under the one that was sent. Not more than 1 KiB.
    pub successor: Vec<u8>,
    /// The time, to the millisecond.
    pub now: SystemTime,
    /// How long a token that was used may be sent again, to the millisecond.
    pub window: Duration,
    /// How often it may be within that time.
    pub max_replays: u32,
    /// When the family is over unless it is used again, to the millisecond.
    pub expires_at: SystemTime,
}

impl Rotation {
    /// The exchange of `presented` for `next` at `now`, with nothing to replay.
    #[must_use]
    pub const fn new(
        presented: SecretDigest,
        next: SecretDigest,
        now: SystemTime,
        expires_at: SystemTime,
    ) -> Self {
        Self {
            presented,
            next,
            successor: Vec::new(),
            now,
            window: Duration::ZERO,
            max_replays: 0,
            expires_at,
        }
    }

    /// Lets the token be sent again within `window`, at most `max_replays` times, to be answered with
    /// `successor`.
    #[must_use]
    pub fn replayable(mut self, window: Duration, max_replays: u32, successor: Vec<u8>) -> Self {
        self.window = window;
        self.max_replays = max_replays;
        self.successor = successor;
        self
    }
}

/// What became of [`RefreshStore::rotate`](super::RefreshStore::rotate). It is exhaustive: every
/// outcome has to be decided about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum RotateOutcome {
    /// The token used last, within the window, and too often. Nothing has changed.
    Exhausted,
    /// The token used last, within the window: this is its successor, encrypted. The replay was
    /// counted.
    Repeated(Vec<u8>),
    /// No longer, or never, a token of this family; or the family has ended by that before. It has
    /// ended.
    Reused,
    /// It was the current token, and the next one has taken its place.
    Rotated,
    /// There is no such family, or it is over. Nothing has changed.
    Unknown,
}
