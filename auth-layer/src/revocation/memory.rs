//! Revocations in the memory of one process.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};
use std::time::SystemTime;

use foldhash::HashMap;

use crate::{AuthError, SharedClock};

use super::{IssuedToken, MAX_LEEWAY, Revocations, SubjectRevocation};

/// [`Revocations`] in memory: for one process, and gone with it.
///
/// After a restart, tokens that were taken back are good again until they end; use a store that
/// lasts where that matters. Entries are forgotten once everything they revoked has ended, leeway
/// included.
#[derive(Default)]
pub struct MemoryRevocations {
    issuers: RwLock<Issuers>,
    /// How many entries there are, so that no lock is taken while there are none.
    entries: AtomicUsize,
    clock: SharedClock,
}

#[derive(Default)]
struct Issuers {
    named: HashMap<Box<str>, Issuer>,
    /// The service itself.
    own: Issuer,
}

#[derive(Default)]
struct Issuer {
    /// Token id, and when it may be forgotten.
    tokens: HashMap<Box<str>, SystemTime>,
    subjects: HashMap<Box<str>, Subject>,
    /// How many entries `subjects` has.
    cuts: usize,
    /// How large to grow before looking for entries to forget.
    sweep_at: usize,
}

#[derive(Default)]
struct Subject {
    /// In every tenant and in none.
    anywhere: Option<Cut>,
    tenants: HashMap<Box<str>, Cut>,
}

#[derive(Clone, Copy)]
struct Cut {
    issued_until: SystemTime,
    until: SystemTime,
}

impl Subject {
    fn ends(&self, token: &IssuedToken<'_>) -> bool {
        let there = token.tenant.and_then(|tenant| self.tenants.get(tenant));
        let mut cuts = self.anywhere.iter().chain(there);
        cuts.any(|cut| token.issued_at <= cut.issued_until)
    }

    fn len(&self) -> usize {
        usize::from(self.anywhere.is_some()) + self.tenants.len()
    }
}

impl Cut {
    /// Both instants only move forward.
    fn join(self, new: Self) -> Self {
        Self {
            issued_until: self.issued_until.max(new.issued_until),
            until: self.until.max(new.until),
        }
    }
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
        let issuer = match token.issuer {
            Some(name) => issuers.named.get(name),
            None => Some(&issuers.own),
        };
        issuer.is_some_and(|issuer| {
            let mut ids = token.token_id.into_iter().chain(token.session_id);
            let subject = issuer.subjects.get(token.subject);
            ids.any(|id| issuer.tokens.contains_key(id))
                || subject.is_some_and(|subject| subject.ends(token))
        })
    }

    fn change(&self, issuer: Option<&str>, change: impl FnOnce(&mut Issuer)) {
        let mut issuers: RwLockWriteGuard<'_, _> =
            self.issuers.write().unwrap_or_else(PoisonError::into_inner);
        let changed = match issuer {
            Some(name) => issuers.named.entry(name.into()).or_default(),
            None => &mut issuers.own,
        };
        change(changed);
        changed.sweep(&self.clock);
        let named: usize = issuers.named.values().map(Issuer::len).sum();
        let entries = named + issuers.own.len();
        self.entries.store(entries, Ordering::Release);
    }
}

impl Issuer {
    fn len(&self) -> usize {
        self.tokens.len() + self.cuts
    }

    /// Forgets what has ended, each time the number of entries has doubled.
    fn sweep(&mut self, clock: &SharedClock) {
        if self.len() < self.sweep_at.max(1024) {
            return;
        }
        // Until then a verifier may still accept what was revoked.
        let ended = clock.now() - MAX_LEEWAY;
        let counts = |until: SystemTime| until > ended;
        self.tokens.retain(|_, until| counts(*until));
        self.subjects.retain(|_, subject| {
            subject.anywhere = subject.anywhere.filter(|cut| counts(cut.until));
            subject.tenants.retain(|_, cut| counts(cut.until));
            subject.len() != 0
        });
        self.cuts = self.subjects.values().map(Subject::len).sum();
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
        self.change(Some(issuer), |issuer| {
            let entry = issuer.tokens.entry(token_id.into()).or_insert(until);
            *entry = until.max(*entry);
        });
        Ok(())
    }

    async fn revoke_subject(&self, revocation: &SubjectRevocation<'_>) -> Result<(), AuthError> {
        let new = Cut {
            issued_until: revocation.issued_until,
            until: revocation.until,
        };
        self.change(revocation.issuer, |issuer| {
            let subject = issuer.subjects.entry(revocation.subject.into());
            let subject = subject.or_default();
            let before = subject.len();
            match revocation.tenant {
                None => {
                    let cut = subject.anywhere.get_or_insert(new);
                    *cut = cut.join(new);
                }
                Some(tenant) => {
                    let cut = subject.tenants.entry(tenant.into()).or_insert(new);
                    *cut = cut.join(new);
                }
            }
            issuer.cuts += subject.len() - before;
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
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::Identity;

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
        for (instant, lifetime) in [(50, 50), (20, 50)] {
            let lifetime = Duration::from_secs(lifetime);
            let alice = SubjectRevocation::new("alice", at(instant), lifetime).issuer("a");
            store.revoke_subject(&alice).await.unwrap();
        }
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
    async fn jwt_20_issuer_and_tenant_are_those_of_an_identity() {
        let hour = Duration::from_secs(3600);
        let identity = |issuer: Option<&str>, tenant: Option<&str>| {
            let mut identity = Identity::builder("any", "alice");
            if let Some(issuer) = issuer {
                identity = identity.issuer(issuer);
            }
            if let Some(tenant) = tenant {
                identity = identity.tenant(tenant);
            }
            identity.build()
        };
        let all: Vec<_> = [None, Some(""), Some("a"), Some("b")]
            .into_iter()
            .flat_map(|issuer| [None, Some("t"), Some("u")].map(|tenant| (issuer, tenant)))
            .map(|(issuer, tenant)| identity(issuer, tenant))
            .collect();
        for revoked in &all {
            let store = MemoryRevocations::new();
            let revocation = SubjectRevocation::of(revoked, at(50), hour);
            store.revoke_subject(&revocation).await.unwrap();
            assert_eq!(store.len(), 1);
            for other in &all {
                let same = other.issuer() == revoked.issuer()
                    && (revoked.tenant().is_none() || other.tenant() == revoked.tenant());
                let token = IssuedToken::of(other, at(50));
                assert_eq!(store.holds(&token), same, "{revoked:?} {other:?}");
                assert_eq!(revocation.ends(&token), same, "{revoked:?} {other:?}");
                assert!(!store.holds(&IssuedToken::of(other, at(51))));
            }
        }
    }

    #[tokio::test]
    async fn jwt_19_entries_outlive_the_largest_leeway() {
        let now = Arc::new(AtomicU64::new(1000));
        let clock = Arc::clone(&now);
        let clock = SharedClock::new(move || at(clock.load(Ordering::Relaxed)));
        let store = MemoryRevocations::new().clock(clock);
        store.revoke_token("a", "t", at(1000)).await.unwrap();
        let mut alice = SubjectRevocation::new("alice", at(900), Duration::from_secs(100));
        store.revoke_subject(&alice.issuer("a")).await.unwrap();
        alice.tenant = Some("tenant");
        store.revoke_subject(&alice).await.unwrap();
        let alice = Identity::builder("any", "alice").tenant("tenant").build();
        for (seconds, kept) in [(1000, true), (1001, true), (1299, true), (1300, false)] {
            now.store(seconds, Ordering::Relaxed);
            // Enough of them that others are forgotten.
            for n in 0..3000 {
                let id = format!("{seconds} {n}");
                for issuer in ["a", "b"] {
                    store.revoke_token(issuer, &id, at(0)).await.unwrap();
                    let subject = SubjectRevocation::new(&id, at(0), Duration::ZERO);
                    store.revoke_subject(&subject).await.unwrap();
                }
            }
            assert!(store.len() < 6000, "{}", store.len());
            let own = IssuedToken::of(&alice, at(900));
            for token in [token("a", "x", "t", 0), token("a", "alice", "x", 900), own] {
                assert_eq!(store.holds(&token), kept, "{token:?} at {seconds}");
            }
        }
    }

    #[tokio::test]
    async fn what_has_ended_is_forgotten() {
        let store = MemoryRevocations::new().clock(SharedClock::new(|| at(1300)));
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
