//! API keys in one map, correct but for one fault.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use apikey_layer::{
    ApiKeyStore, DisabledBy, Inserted, KeyId, KeyRecord, Lookup, Owner, Rotated, Rotation,
};
use auth_layer::{AuthError, SecretDigest};
use auth_test::contract;

use super::{assert_found, between_two_steps, verdict};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    CheckThenInsert,
    CountsThenInserts,
    ForgetsLimits,
    ForgetsOrigins,
    HidesRevoked,
    InsertOverwrites,
    KeepsTheLastRevocation,
    ListsByName,
    NoLimit,
    None,
    NowIsStale,
    OldUse,
    OneSwitch,
    OwnerIsSubject,
    PlacesLapse,
    ReadsThenWrites,
    RecentIsStale,
    RotatesRevoked,
    RotatesWithPrevious,
    RotationForgetsUse,
    SwitchRevives,
    UseMakesAKey,
    UseRevives,
    UsesOneKey,
}

struct Naive {
    fault: Fault,
    keys: Mutex<BTreeMap<KeyId, KeyRecord>>,
}

impl Naive {
    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<KeyId, KeyRecord>> {
        self.keys.lock().unwrap()
    }

    async fn change<T>(&self, id: &KeyId, change: impl FnOnce(&mut KeyRecord) -> T) -> Option<T> {
        let read = self.lock().get(id).cloned();
        if self.has(Fault::ReadsThenWrites) {
            between_two_steps().await;
            let mut record = read?;
            let changed = change(&mut record);
            self.lock().insert(*id, record);
            return Some(changed);
        }
        self.lock().get_mut(id).map(change)
    }

    fn revoke(&self, record: &mut KeyRecord, at: SystemTime) -> bool {
        if self.has(Fault::KeepsTheLastRevocation) {
            let first = record.revoked_at().is_none();
            *record = record.clone().with_revoked_at(at);
            return first;
        }
        record.revoke(at)
    }

    fn is_owner(&self, record: &KeyRecord, owner: &Owner) -> bool {
        match self.has(Fault::OwnerIsSubject) {
            true => record.owner().subject == owner.subject,
            false => record.owner() == owner,
        }
    }
}

impl ApiKeyStore for Naive {
    fn find_now(&self, id: &KeyId) -> Lookup {
        match self.lock().get(id).cloned() {
            Some(record) if self.has(Fault::NowIsStale) => {
                // As a cache that was filled before the revocation.
                Lookup::Found(Arc::new(record.with_revoked_at(None)))
            }
            _ => Lookup::Wait,
        }
    }

    async fn find(&self, id: &KeyId) -> Result<Option<Arc<KeyRecord>>, AuthError> {
        let found = self.lock().get(id).cloned();
        let shown =
            found.filter(|record| record.revoked_at().is_none() || !self.has(Fault::HidesRevoked));
        Ok(shown.map(Arc::new))
    }

    async fn find_recent(&self, id: &KeyId) -> Result<Option<Arc<KeyRecord>>, AuthError> {
        let found = self.find(id).await?;
        if !self.has(Fault::RecentIsStale) {
            return Ok(found);
        }
        Ok(found.map(|record| Arc::new(KeyRecord::clone(&record).with_revoked_at(None))))
    }

    async fn insert(&self, record: KeyRecord, limit: usize) -> Result<Inserted, AuthError> {
        let taken = self.lock().contains_key(record.id());
        if taken && !self.has(Fault::InsertOverwrites) {
            return Ok(Inserted::Taken);
        }
        let owned = |keys: &BTreeMap<KeyId, KeyRecord>| {
            let lives = |end: SystemTime| record.created_at() < end;
            // As if a place were kept for a minute, which a clock that is ahead takes for over.
            let lapses = |own: &KeyRecord| {
                self.has(Fault::PlacesLapse)
                    && own.created_at() + Duration::from_secs(60) < record.created_at()
            };
            let owned = keys.values().filter(|own| own.owner() == record.owner());
            let owned = owned.filter(|own| !lapses(own));
            let live = owned
                .filter(|own| own.revoked_at().is_none() && own.expires_at().is_none_or(lives));
            live.count()
        };
        let mut count = owned(&self.lock());
        if self.has(Fault::CheckThenInsert) || self.has(Fault::CountsThenInserts) {
            between_two_steps().await;
        }
        let mut keys = self.lock();
        if !self.has(Fault::CountsThenInserts) {
            count = owned(&keys);
        }
        let racy = self.has(Fault::CheckThenInsert) || self.has(Fault::InsertOverwrites);
        if keys.contains_key(record.id()) && !racy {
            return Ok(Inserted::Taken);
        }
        if count >= limit && !self.has(Fault::NoLimit) {
            return Ok(Inserted::Full);
        }
        let kept = match self.fault {
            Fault::ForgetsLimits => record.with_limits([]),
            Fault::ForgetsOrigins => record.with_allowed_origins([]),
            _ => record,
        };
        keys.insert(*kept.id(), kept);
        Ok(Inserted::Done)
    }

    async fn rotate(&self, id: &KeyId, rotation: &Rotation) -> Result<Rotated, AuthError> {
        let rotate = |record: &mut KeyRecord| {
            let previous = record.previous().map(|previous| previous.digest);
            let by_previous =
                self.has(Fault::RotatesWithPrevious) && previous == Some(rotation.replaces);
            let revives = self.has(Fault::RotatesRevoked) && record.digest() == rotation.replaces;
            if by_previous || revives {
                *record = record
                    .clone()
                    .with_previous(rotation.previous())
                    .with_digest(rotation.digest);
                return Rotated::Done;
            }
            if self.has(Fault::RotationForgetsUse) {
                *record = record.clone().with_last_used_at(None);
            }
            record.rotate(rotation)
        };
        Ok(self.change(id, rotate).await.unwrap_or(Rotated::NotFound))
    }

    async fn revoke(&self, id: &KeyId, at: SystemTime) -> Result<bool, AuthError> {
        let revoked = self.change(id, |record| self.revoke(record, at)).await;
        Ok(revoked.is_some())
    }

    async fn revoke_owned_by(&self, owner: &Owner, at: SystemTime) -> Result<usize, AuthError> {
        let mut keys = self.lock();
        let owned = keys
            .values_mut()
            .filter(|record| self.is_owner(record, owner));
        let revoked = owned.map(|record| self.revoke(record, at));
        Ok(revoked.filter(|first| *first).count())
    }

    async fn set_disabled(
        &self,
        id: &KeyId,
        by: DisabledBy,
        disabled: bool,
    ) -> Result<bool, AuthError> {
        let switch = |record: &mut KeyRecord| {
            record.set_disabled(by, disabled);
            if self.has(Fault::OneSwitch) {
                record.set_disabled(DisabledBy::Owner, disabled);
                record.set_disabled(DisabledBy::Operator, disabled);
            }
            if self.has(Fault::SwitchRevives) && !disabled {
                *record = record.clone().with_revoked_at(None);
            }
        };
        Ok(self.change(id, switch).await.is_some())
    }

    async fn touch(&self, uses: &[(KeyId, SystemTime)]) -> Result<(), AuthError> {
        let uses = match self.has(Fault::UsesOneKey) {
            true => &uses[..uses.len().min(1)],
            false => uses,
        };
        for (id, at) in uses {
            let touch = |record: &mut KeyRecord| {
                record.touch(*at);
                if self.has(Fault::OldUse) {
                    *record = record.clone().with_last_used_at(*at);
                }
                if self.has(Fault::UseRevives) {
                    *record = record.clone().with_revoked_at(None);
                }
            };
            if self.change(id, touch).await.is_none() && self.has(Fault::UseMakesAKey) {
                let digest = SecretDigest::from_bytes([0; 32]);
                let record = KeyRecord::new(*id, digest, Owner::new("nobody"), *at);
                self.lock().insert(*id, record);
            }
        }
        Ok(())
    }

    async fn list(
        &self,
        owner: &Owner,
        after: Option<&KeyId>,
        limit: usize,
    ) -> Result<Vec<Arc<KeyRecord>>, AuthError> {
        let keys = self.lock();
        let mut owned: Vec<_> = keys
            .values()
            .filter(|record| self.is_owner(record, owner))
            .filter(|record| after.is_none_or(|after| record.id() > after))
            .collect();
        if self.has(Fault::ListsByName) {
            owned.sort_by_key(|record| record.id().to_string().to_lowercase());
        }
        Ok(owned
            .into_iter()
            .take(limit)
            .cloned()
            .map(Arc::new)
            .collect())
    }
}

#[test]
fn x_18_key_stores_with_a_fault_are_found() {
    for (fault, lines) in [
        (Fault::None, &[][..]),
        (Fault::CheckThenInsert, &["Each verb is atomic"]),
        (Fault::CountsThenInserts, &["more keys than the limit"]),
        (
            Fault::HidesRevoked,
            &["returns expired, disabled and revoked records"],
        ),
        (Fault::ForgetsLimits, &["is seen by every later `find`"]),
        (Fault::ForgetsOrigins, &["is seen by every later `find`"]),
        (Fault::InsertOverwrites, &["never overwrites"]),
        (
            Fault::KeepsTheLastRevocation,
            &["keeps the time of the first"],
        ),
        (Fault::ListsByName, &["in the order of their ids"]),
        (Fault::NoLimit, &["more keys than the limit"]),
        (Fault::OldUse, &["never takes a time back"]),
        (Fault::OneSwitch, &["is seen by every later `find`"]),
        (Fault::NowIsStale, &["find_now: The answer of `find`"]),
        (Fault::OwnerIsSubject, &["of an owner", "says how many"]),
        (Fault::PlacesLapse, &["more keys than the limit"]),
        (
            Fault::ReadsThenWrites,
            &[
                "`rotate` succeeds only while",
                "keeps the time of the first",
                "is seen by every later `find`",
                "never takes a time back",
            ],
        ),
        (Fault::RecentIsStale, &["find_recent: The answer of `find`"]),
        (Fault::RotatesRevoked, &["the key is not revoked"]),
        (
            Fault::RotatesWithPrevious,
            &["the current digest is the one it names"],
        ),
        (
            Fault::RotationForgetsUse,
            &["is seen by every later `find`"],
        ),
        (Fault::SwitchRevives, &["A revocation is for good"]),
        (Fault::UseMakesAKey, &["do not exist are skipped"]),
        (Fault::UseRevives, &["A revocation is for good"]),
        (Fault::UsesOneKey, &["never takes a time back"]),
    ] {
        let verdict = verdict(contract::api_key_store(async || Naive {
            fault,
            keys: Mutex::default(),
        }));
        match lines {
            [] => assert_eq!(verdict, Ok(())),
            lines => assert_found(&fault, verdict, lines),
        }
    }
}
