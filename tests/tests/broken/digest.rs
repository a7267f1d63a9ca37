//! Digest: counters that count wrongly, and stores that find the wrong users.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::SystemTime;

use auth_layer::digest::{
    DigestRecord, DigestStore, MemoryDigestStore, NonceCounters, NonceId, UserHash,
};
use auth_layer::{AuthError, SharedClock};
use auth_test::contract;

use super::{assert_found, between_two_steps, verdict};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Miscount {
    EqualIsFresh,
    EvictsWhenFull,
    ForgetsEarly,
    GetThenSet,
    HasNoClock,
    None,
    SavesTheCount,
    TakesZero,
}

struct Counters {
    fault: Miscount,
    capacity: usize,
    clock: SharedClock,
    counts: Mutex<HashMap<NonceId, (u32, SystemTime)>>,
}

impl Counters {
    fn new(fault: Miscount) -> Self {
        Self {
            fault,
            capacity: 100_000,
            clock: SharedClock::system(),
            counts: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<NonceId, (u32, SystemTime)>> {
        self.counts.lock().unwrap()
    }

    fn has(&self, fault: Miscount) -> bool {
        self.fault == fault
    }
}

impl NonceCounters for Counters {
    async fn advance(
        &self,
        nonce: NonceId,
        count: u32,
        expires_at: SystemTime,
    ) -> Result<bool, AuthError> {
        let now = self.clock.now();
        if (expires_at <= now && !self.has(Miscount::HasNoClock))
            || (count == 0 && !self.has(Miscount::TakesZero))
        {
            return Ok(false);
        }
        let mut last = self.lock().get(&nonce).map(|(count, _)| *count);
        if self.has(Miscount::GetThenSet) {
            between_two_steps().await;
        }
        let mut counts = self.lock();
        if self.has(Miscount::ForgetsEarly) {
            // By whatever expires first.
            if counts.len() >= 1_000 {
                counts.clear();
            }
        } else if !self.has(Miscount::HasNoClock) {
            counts.retain(|_, (_, expires_at)| *expires_at > now);
        }
        if !self.has(Miscount::GetThenSet) {
            last = counts.get(&nonce).map(|(count, _)| *count);
        }
        let fresh = match last {
            Some(last) if self.has(Miscount::EqualIsFresh) => count >= last,
            Some(last) => count > last,
            None => true,
        };
        if last.is_none() && counts.len() >= self.capacity {
            if !self.has(Miscount::EvictsWhenFull) {
                return Err(AuthError::unavailable("full"));
            }
            let oldest = counts.keys().next().copied();
            oldest.map(|oldest| counts.remove(&oldest));
        }
        if fresh || self.has(Miscount::SavesTheCount) {
            counts.insert(nonce, (count, expires_at));
        }
        Ok(fresh)
    }
}

#[test]
fn dig_01_counters_without_fault_pass() {
    let sound = || Counters::new(Miscount::None);
    assert_eq!(verdict(contract::nonce_counters(async || sound())), Ok(()));
    let over_time = contract::nonce_counters_over_time(async |clock| Counters {
        clock: clock.shared(),
        ..sound()
    });
    assert_eq!(verdict(over_time), Ok(()));
    let when_full = contract::nonce_counters_when_full(async || Counters {
        capacity: 20,
        ..sound()
    });
    assert_eq!(verdict(when_full), Ok(()));
}

#[test]
fn dig_01_counters_that_count_wrongly_are_found() {
    for (fault, line) in [
        (Miscount::GetThenSet, "at most one answers `true`"),
        (Miscount::EqualIsFresh, "that and every lower count"),
        (Miscount::SavesTheCount, "that and every lower count"),
        (Miscount::TakesZero, "any but 0"),
        (Miscount::HasNoClock, "If `expires_at` has passed"),
    ] {
        let suite = contract::nonce_counters(async || Counters::new(fault));
        assert_found(&fault, verdict(suite), &[line]);
    }
}

#[test]
fn dig_01_counters_that_forget_are_found() {
    let fault = Miscount::ForgetsEarly;
    let suite = contract::nonce_counters_over_time(async |clock| Counters {
        clock: clock.shared(),
        ..Counters::new(fault)
    });
    assert_found(&fault, verdict(suite), &["Nothing is forgotten before"]);

    let fault = Miscount::EvictsWhenFull;
    let suite = contract::nonce_counters_when_full(async || Counters {
        capacity: 20,
        ..Counters::new(fault)
    });
    let verdict = verdict(suite).unwrap_err();
    assert!(
        verdict.contains("room for more than a thousand"),
        "{verdict}"
    );
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mixup {
    Cached,
    FoldsCase,
    None,
    Trims,
    UserhashIsStale,
}

struct Users {
    fault: Mixup,
    memory: MemoryDigestStore,
    stale: MemoryDigestStore,
    cache: Mutex<HashMap<String, DigestRecord>>,
}

impl Users {
    fn new(fault: Mixup) -> Self {
        Self {
            fault,
            memory: MemoryDigestStore::new("printers"),
            stale: MemoryDigestStore::new("printers"),
            cache: Mutex::default(),
        }
    }

    fn put(&self, username: &str, record: Option<DigestRecord>) {
        match record {
            Some(record) => {
                self.memory.set(username, record.clone());
                self.stale.set(username, record);
            }
            None => {
                self.memory.remove(username);
            }
        }
    }
}

impl DigestStore for Users {
    async fn find(&self, username: &str) -> Result<Option<DigestRecord>, AuthError> {
        let name = match self.fault {
            Mixup::FoldsCase => username.to_lowercase(),
            Mixup::Trims => username.trim().to_owned(),
            _ => username.to_owned(),
        };
        let cached = self.cache.lock().unwrap().get(&name).cloned();
        if let (Mixup::Cached, Some(cached)) = (self.fault, cached) {
            return Ok(Some(cached));
        }
        let found = self.memory.find(&name).await?;
        if let Some(found) = &found {
            self.cache.lock().unwrap().insert(name, found.clone());
        }
        Ok(found)
    }

    async fn find_by_userhash(&self, hash: &UserHash) -> Result<Option<DigestRecord>, AuthError> {
        match self.fault {
            Mixup::UserhashIsStale => self.stale.find_by_userhash(hash).await,
            _ => self.memory.find_by_userhash(hash).await,
        }
    }
}

#[test]
fn digest_stores_that_mix_names_up_are_found() {
    for (fault, line) in [
        (Mixup::None, None),
        (Mixup::FoldsCase, Some("byte for byte")),
        (Mixup::Trims, Some("byte for byte")),
        (Mixup::Cached, Some("seen by the next call")),
        (
            Mixup::UserhashIsStale,
            Some("nobody of that name may log in"),
        ),
    ] {
        let verdict = verdict(contract::digest_store(
            "printers",
            async || Users::new(fault),
            async |store, username, record| store.put(username, record),
        ));
        match line {
            Some(line) => assert_found(&fault, verdict, &[line]),
            None => assert_eq!(verdict, Ok(())),
        }
    }
}
