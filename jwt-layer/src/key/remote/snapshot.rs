//! What is known of an issuer's keys at one moment, and what that means for a token.

use std::time::{Duration, SystemTime};

use crate::{KeyLookup, KeySet, WantedKey};

/// How long things last.
#[derive(Clone, Debug)]
pub(super) struct Timing {
    /// Between the end of an attempt and the next one.
    pub(super) cooldown: Duration,
    /// Between a success and the refresh, unless the issuer says.
    pub(super) refresh_interval: Duration,
    /// How long keys are used after they were asked for.
    pub(super) max_age: Duration,
}

#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) known: Option<Known>,
    attempt: Attempt,
    /// When to ask again without being urged; none before the first attempt.
    refresh_at: Option<SystemTime>,
    /// Attempts that failed since the last success.
    failures: u32,
}

/// Keys that were had.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) keys: KeySet,
    /// When they were asked for; they may have changed since.
    pub(super) asked_at: SystemTime,
}

#[derive(Clone, Copy, Debug)]
enum Attempt {
    None,
    Running { since: SystemTime },
    Succeeded { at: SystemTime },
    Failed { at: SystemTime },
}

impl Snapshot {
    pub(super) const fn empty() -> Self {
        Self {
            known: None,
            attempt: Attempt::None,
            refresh_at: None,
            failures: 0,
        }
    }

    /// The keys, if they are not too old.
    pub(super) fn usable(&self, now: SystemTime, timing: &Timing) -> Option<&KeySet> {
        let known = self.known.as_ref()?;
        // A clock that was set back says nothing of the age.
        let age = now.duration_since(known.asked_at).unwrap_or_default();
        (age <= timing.max_age).then_some(&known.keys)
    }

    pub(super) fn find(
        &self,
        wanted: &WantedKey<'_>,
        now: SystemTime,
        timing: &Timing,
    ) -> KeyLookup {
        let usable = self.usable(now, timing);
        if let Some(key) = usable.and_then(|keys| keys.find(wanted.kid, wanted.algorithm)) {
            return KeyLookup::Found(key.clone());
        }
        match self.attempt {
            Attempt::Running { .. } => KeyLookup::Ask,
            _ if !self.is_cooling(now, timing) => KeyLookup::Ask,
            Attempt::Succeeded { .. } if usable.is_some() => KeyLookup::Unknown,
            _ => KeyLookup::Unavailable,
        }
    }

    /// Whether it is too early for another attempt.
    pub(super) fn is_cooling(&self, now: SystemTime, timing: &Timing) -> bool {
        match self.attempt {
            Attempt::None => false,
            Attempt::Running { since: at } | Attempt::Succeeded { at } | Attempt::Failed { at } => {
                // If the clock was set back, waiting for it to catch up could take for ever.
                now.duration_since(at)
                    .is_ok_and(|elapsed| elapsed < timing.cooldown)
            }
        }
    }

    /// Whether the last attempt went well.
    pub(super) fn has_succeeded(&self) -> bool {
        matches!(self.attempt, Attempt::Succeeded { .. })
    }

    /// Whether the keys should be asked for although nobody misses one.
    pub(super) fn is_due(&self, now: SystemTime, timing: &Timing) -> bool {
        let is_set_back = |known: &Known| known.asked_at > now;
        !self.is_cooling(now, timing)
            && (self.refresh_at.is_some_and(|at| at <= now)
                || self.known.as_ref().is_some_and(is_set_back))
    }

    /// How long until [`is_due`](Self::is_due) can be.
    pub(super) fn until_due(&self, now: SystemTime, timing: &Timing) -> Duration {
        let until = |at: SystemTime| at.duration_since(now).unwrap_or_default();
        let cooled = match self.attempt {
            Attempt::None => Duration::ZERO,
            Attempt::Running { since: at } | Attempt::Succeeded { at } | Attempt::Failed { at } => {
                until(at + timing.cooldown).min(timing.cooldown)
            }
        };
        self.refresh_at.map_or(Duration::ZERO, until).max(cooled)
    }

    pub(super) fn started(&self, now: SystemTime) -> Self {
        Self {
            attempt: Attempt::Running { since: now },
            ..self.clone()
        }
    }

    /// `known` was asked for, and is good until `refresh_after` from now.
    pub(super) fn succeeded(known: Known, now: SystemTime, refresh_after: Duration) -> Self {
        Self {
            known: Some(known),
            attempt: Attempt::Succeeded { at: now },
            refresh_at: Some(now + refresh_after),
            failures: 0,
        }
    }

    /// The old keys stay. Each failure in a row doubles the wait, up to the refresh interval.
    pub(super) fn failed(&self, now: SystemTime, timing: &Timing) -> Self {
        let wait = timing.cooldown * (1 << self.failures.min(6));
        let wait = wait.min(timing.refresh_interval).max(timing.cooldown);
        Self {
            known: self.known.clone(),
            attempt: Attempt::Failed { at: now },
            refresh_at: Some(now + wait),
            failures: self.failures.saturating_add(1),
        }
    }
}
