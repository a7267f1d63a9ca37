//! Revocations in the memory of one process.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};
use std::time::SystemTime;

use crate::{AuthError, SharedClock};

use super::{IssuedToken, Revocations};

/// [`Revocations`] in memory: for one process, and gone with it.
///
/// After a restart, tokens that were taken back are good again until they end; use a store that
/// lasts where that matters. Entries are forgotten once everything they revoked has ended.
#[derive(Default)]
pub struct MemoryRevocations {
    issuers: RwLock<HashMap<Box<str>, Issuer>>,
    /// How many entries there are, so that no lock is taken while there are none.
    entries: AtomicUsize,
    clock: SharedClock,
}

#[derive(Default)]
struct Issuer {
    /// Token id, and when it may be forgotten.
    tokens: HashMap<Box<str>, SystemTime>,
    subjects: HashMap<Box<str>, Subject>,
    /// How large to grow before looking for entries to forget.
    sweep_at: usize,
}

struct Subject {
    issued_until: SystemTime,
    until: SystemTime,
}

impl MemoryRevocations {
    /// No revocations yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The clock that says what may be forgotten.
    #[must_use]
    pub fn clock(mut self, clock: impl Into<SharedClock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// How many revocations are kept.
    pub fn len(&self) -> usize {
        self.entries.load(Ordering::Acquire)
    }

    /// Whether none are kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn holds(&self, token: &IssuedToken<'_>) -> bool {
        if self.is_empty() {
            return false;
        }
        // Every change is one insertion: a writer that panicked has left a whole map.
        let issuers = self.issuers.read().unwrap_or_else(PoisonError::into_inner);
        issuers.get(token.issuer).is_some_and(|issuer| {
            let by_id = |id| issuer.tokens.contains_key(id);
            let by_subject = |subject: &Subject| token.issued_at <= subject.issued_until;
            token.token_id.is_some_and(by_id)
                || issuer.subjects.get(token.subject).is_some_and(by_subject)
        })
    }

    fn change(&self, issuer: &str, change: impl FnOnce(&mut Issuer)) {
        let mut issuers: RwLockWriteGuard<'_, _> =
            self.issuers.write().unwrap_or_else(PoisonError::into_inner);
        if !issuers.contains_key(issuer) {
            issuers.insert(issuer.into(), Issuer::default());
        }
        if let Some(issuer) = issuers.get_mut(issuer) {
            change(issuer);
            issuer.sweep(&self.clock);
        }
        let entries = issuers.values().map(Issuer::len).sum();
        self.entries.store(entries, Ordering::Release);
    }
}

impl Issuer {
    fn len(&self) -> usize {
        self.tokens.len() + self.subjects.len()
    }

    /// Forgets what has ended, each time the number of entries has doubled.
    fn sweep(&mut self, clock: &SharedClock) {
        if self.len() < self.sweep_at.max(1024) {
            return;
        }
        let now = clock.now();
        self.tokens.retain(|_, until| *until > now);
        self.subjects.retain(|_, subject| subject.until > now);
        self.sweep_at = self.len() * 2;
    }
}

impl Revocations for MemoryRevocations {
    fn check_now(&self, token: &IssuedToken<'_>) -> Option<bool> {
        Some(self.holds(token))
    }

    async fn is_revoked(&self, token: &IssuedToken<'_>) -> Result<bool, AuthError> {
        Ok(self.holds(token))
    }

    async fn revoke_token(
        &self,
        issuer: &str,
        token_id: &str,
        until: SystemTime,
    ) -> Result<(), AuthError> {
        self.change(issuer, |issuer| {
            let entry = issuer.tokens.entry(token_id.into()).or_insert(until);
            *entry = until.max(*entry);
        });
        Ok(())
    }

    async fn revoke_subject(
        &self,
        issuer: &str,
        subject: &str,
        issued_until: SystemTime,
        until: SystemTime,
    ) -> Result<(), AuthError> {
        self.change(issuer, |issuer| {
            let new = || Subject {
                issued_until,
                until,
            };
            let entry = issuer.subjects.entry(subject.into()).or_insert_with(new);
            entry.issued_until = issued_until.max(entry.issued_until);
            entry.until = until.max(entry.until);
        });
        Ok(())
    }
}

impl fmt::Debug for MemoryRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryRevocations")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn token<'a>(issuer: &'a str, subject: &'a str, id: &'a str, issued: u64) -> IssuedToken<'a> {
        IssuedToken::new(issuer, subject, Some(id), at(issued))
    }

    #[tokio::test]
    async fn one_token_and_one_issuer_are_meant() {
        let store = MemoryRevocations::new();
        store.revoke_token("a", "t1", at(100)).await.unwrap();
        for (issuer, id, revoked) in [("a", "t1", true), ("a", "t2", false), ("b", "t1", false)] {
            let token = token(issuer, "alice", id, 10);
            assert_eq!(
                store.is_revoked(&token).await.unwrap(),
                revoked,
                "{issuer} {id}"
            );
            assert_eq!(store.check_now(&token), Some(revoked));
        }
    }

    #[tokio::test]
    async fn jwt_20_a_subject_s_instant_only_moves_forward() {
        let store = MemoryRevocations::new();
        store
            .revoke_subject("a", "alice", at(50), at(100))
            .await
            .unwrap();
        store
            .revoke_subject("a", "alice", at(20), at(70))
            .await
            .unwrap();
        for (subject, issued, revoked) in [
            ("alice", 49, true),
            ("alice", 50, true),
            ("alice", 51, false),
            ("bob", 10, false),
        ] {
            let token = token("a", subject, "t", issued);
            assert_eq!(
                store.is_revoked(&token).await.unwrap(),
                revoked,
                "{subject} {issued}"
            );
        }
    }

    #[tokio::test]
    async fn what_has_ended_is_forgotten() {
        let store = MemoryRevocations::new().clock(SharedClock::new(|| at(1000)));
        for n in 0..5000 {
            store
                .revoke_token("a", &n.to_string(), at(1000))
                .await
                .unwrap();
        }
        store.revoke_token("a", "lasting", at(1001)).await.unwrap();
        assert!(store.len() < 1100, "{}", store.len());
        assert!(store.holds(&token("a", "x", "lasting", 0)));
    }
}
