//! API keys.

mod cluster;
mod packed;
mod scripts;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use apikey_layer::{ApiKeyStore, DisabledBy, Inserted, KeyId, KeyRecord, Owner, Rotated, Rotation};
use auth_layer::{AuthError, ConfigError, MAX_LEEWAY, check_duration};
use redis::{Cmd, Value, from_redis_value};

use self::packed::{owner_text, pack, switch, unpack};
use self::scripts::Scripts;
use crate::error::unexpected_answer;
use crate::keys::{Prefix, key};
use crate::link::Link;
use crate::time::{keep, millis};

/// How many keys one script takes down uses of.
const USES: usize = 500;

/// For how long keys that have ended are kept, unless it is said.
const KEEP_ENDED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// An [`ApiKeyStore`] on Redis, from [`RedisStore::api_keys`](crate::RedisStore::api_keys). Of the keys
/// it holds the SHA-256. Times are kept to the millisecond. Cheap to clone.
///
/// Each lookup is a `GET`, so that a revocation takes effect at once everywhere. On one server each
/// method is one script. In a cluster a key and the index of its owner lie in different slots: the index
/// keeps a place, then the key is stored, then the index takes it down; methods that have begun are
/// finished when the request is dropped.
///
/// Use a Redis that keeps what it acknowledges (`appendonly yes`, `appendfsync always`): with the default,
/// `everysec`, a revocation of the last second may be undone by a crash.
///
/// A key that is revoked when there is no memory left to note it is removed instead: it ends all the
/// same, and is no longer listed.
#[derive(Clone, Debug)]
pub struct RedisApiKeys {
    link: Link,
    scripts: Arc<Scripts>,
    keys: Arc<str>,
    indexes: Arc<str>,
    keep_ended: Duration,
}

/// The index of an owner: keys without end by id, the others by id, and those again by when they end.
type Index = [Vec<u8>; 3];

/// Where a key that ends belongs in the index, and for how many milliseconds it is kept.
struct Ending {
    place: String,
    ttl: String,
}

impl RedisApiKeys {
    pub(crate) fn new(link: Link, prefix: &Prefix) -> Self {
        Self {
            link,
            scripts: Arc::new(Scripts::new()),
            keys: prefix.of("apikey").into(),
            indexes: prefix.of("apikeys").into(),
            keep_ended: KEEP_ENDED,
        }
    }

    /// For how long keys are kept, and listed, after they have expired or were revoked; 30 days by
    /// default. After that they are as keys that never were, and refused as those.
    ///
    /// # Errors
    ///
    /// Fails, naming the option, if it is zero or too long to be meant.
    pub fn keep_ended(mut self, keep_ended: Duration) -> Result<Self, ConfigError> {
        self.keep_ended = check_duration("keep_ended", keep_ended)?;
        Ok(self)
    }

    fn key_of(&self, id: &KeyId) -> Vec<u8> {
        key(&self.keys, id.as_str().as_bytes())
    }

    fn index_of(&self, owner: &[u8]) -> Index {
        // The braces keep the three in one slot of a cluster.
        let part = |end: &[u8]| [self.indexes.as_bytes(), b"{", owner, b"}:", end].concat();
        [part(b"lasting"), part(b"ending"), part(b"ends")]
    }

    /// For how long to keep what is revoked now.
    fn keep_revoked(&self) -> u64 {
        keep(
            SystemTime::UNIX_EPOCH,
            SystemTime::UNIX_EPOCH + self.keep_ended,
        )
    }

    fn ending(&self, record: &KeyRecord) -> Option<Ending> {
        let created = record.created_at();
        let (place, ttl) = match (record.revoked_at(), record.expires_at()) {
            (Some(revoked), _) => (format!("-{}", millis(revoked)), self.keep_revoked()),
            (None, Some(end)) => {
                let ttl = keep(created, end).saturating_add(self.keep_revoked());
                (millis(end).to_string(), ttl)
            }
            (None, None) => return None,
        };
        let ttl = ttl.to_string();
        Some(Ending { place, ttl })
    }

    /// Before when what has ended may be gone, seen from `now`.
    fn forgotten(&self, now: SystemTime) -> u64 {
        let margin = self.keep_ended.saturating_add(2 * MAX_LEEWAY);
        now.checked_sub(margin).map_or(0, millis)
    }

    async fn insert_on_server(
        &self,
        record: &KeyRecord,
        limit: usize,
    ) -> Result<Inserted, AuthError> {
        let (kept, [lasting, ending, ends]) = (
            self.key_of(record.id()),
            self.index_of(&owner_text(record.owner())),
        );
        let numbers = [
            millis(record.created_at()).to_string(),
            limit.to_string(),
            self.forgotten(record.created_at()).to_string(),
        ];
        let packed = pack(record);
        let mut arguments = vec![&packed[..], record.id().as_str().as_bytes()];
        arguments.extend(numbers.iter().map(String::as_bytes));
        arguments.push(self.keys.as_bytes());
        let end = self.ending(record);
        if let Some(end) = &end {
            arguments.extend([end.place.as_bytes(), end.ttl.as_bytes()]);
        }
        let names = [&kept[..], &lasting, &ending, &ends];
        match self
            .link
            .run(&self.scripts.insert, &names, &arguments)
            .await?
        {
            Value::BulkString(word) if word == b"done" => Ok(Inserted::Done),
            Value::BulkString(word) if word == b"full" => Ok(Inserted::Full),
            Value::BulkString(word) if word == b"taken" => Ok(Inserted::Taken),
            _ => Err(unexpected_answer()),
        }
    }

    /// Marks a key as revoked, and has the index know it where that is on the same server: whose it is,
    /// when it was revoked, and whether that was now. `None` if there is no such key, or if it is not
    /// that of `owner`, where one is given: an index may keep a place for an id that turns out to be taken.
    async fn revoke_key(
        &self,
        id: &KeyId,
        at: u64,
        owner: &[u8],
    ) -> Result<Option<(Vec<u8>, u64, bool)>, AuthError> {
        let reachable = match self.link.is_partitioned() {
            true => "",
            false => &*self.indexes,
        };
        let (at, ttl) = (at.to_string(), self.keep_revoked().to_string());
        let arguments = [
            id.as_str().as_bytes(),
            at.as_bytes(),
            ttl.as_bytes(),
            reachable.as_bytes(),
            owner,
        ];
        let answer = self
            .link
            .run(&self.scripts.revoke, &[&self.key_of(id)], &arguments)
            .await?;
        if answer == Value::Nil {
            return Ok(None);
        }
        let (owner, at, first): (Vec<u8>, u64, u8) =
            from_redis_value(answer).map_err(|error| unexpected_answer().with_source(error))?;
        Ok(Some((owner, at, first == 1)))
    }
}

impl ApiKeyStore for RedisApiKeys {
    async fn find(&self, id: &KeyId) -> Result<Option<Arc<KeyRecord>>, AuthError> {
        let kept = self.key_of(id);
        match self.link.send(&kept, Cmd::get(&kept)).await? {
            Value::Nil => Ok(None),
            Value::BulkString(packed) => unpack(*id, &packed).map(Some),
            _ => Err(unexpected_answer()),
        }
    }

    async fn insert(&self, record: KeyRecord, limit: usize) -> Result<Inserted, AuthError> {
        if self.link.is_partitioned() {
            return self.insert_in_cluster(record, limit).await;
        }
        self.insert_on_server(&record, limit).await
    }

    async fn rotate(&self, id: &KeyId, rotation: &Rotation) -> Result<Rotated, AuthError> {
        let times = [rotation.replaced_at, rotation.previous_valid_until];
        let [now, until] = times.map(|time| millis(time).to_string());
        let arguments = [
            &rotation.replaces.as_bytes()[..],
            rotation.digest.as_bytes(),
            now.as_bytes(),
            until.as_bytes(),
        ];
        let answer = self
            .link
            .run(&self.scripts.rotate, &[&self.key_of(id)], &arguments)
            .await?;
        match answer {
            Value::BulkString(word) if word == b"changed" => Ok(Rotated::Changed),
            Value::BulkString(word) if word == b"done" => Ok(Rotated::Done),
            Value::BulkString(word) if word == b"revoked" => Ok(Rotated::Revoked),
            Value::BulkString(word) if word == b"unknown" => Ok(Rotated::NotFound),
            _ => Err(unexpected_answer()),
        }
    }

    async fn revoke(&self, id: &KeyId, at: SystemTime) -> Result<bool, AuthError> {
        if self.link.is_partitioned() {
            return self.revoke_in_cluster(*id, millis(at)).await;
        }
        Ok(self.revoke_key(id, millis(at), b"").await?.is_some())
    }

    async fn revoke_owned_by(&self, owner: &Owner, at: SystemTime) -> Result<usize, AuthError> {
        let owner = owner_text(owner);
        if self.link.is_partitioned() {
            return self.revoke_owned_in_cluster(owner, millis(at)).await;
        }
        let [lasting, ending, ends] = self.index_of(&owner);
        let (at, ttl) = (millis(at).to_string(), self.keep_revoked().to_string());
        let arguments = [at.as_bytes(), ttl.as_bytes(), self.keys.as_bytes()];
        let names = [&lasting[..], &ending, &ends];
        match self
            .link
            .run(&self.scripts.revoke_owned, &names, &arguments)
            .await?
        {
            Value::Int(revoked) => usize::try_from(revoked).map_err(|_| unexpected_answer()),
            _ => Err(unexpected_answer()),
        }
    }

    async fn set_disabled(
        &self,
        id: &KeyId,
        by: DisabledBy,
        disabled: bool,
    ) -> Result<bool, AuthError> {
        let arguments = [switch(by), if disabled { b"1" } else { b"0" }];
        let answer = self
            .link
            .run(&self.scripts.set_disabled, &[&self.key_of(id)], &arguments)
            .await?;
        match answer {
            Value::Int(there) => Ok(there == 1),
            _ => Err(unexpected_answer()),
        }
    }

    async fn touch(&self, uses: &[(KeyId, SystemTime)]) -> Result<(), AuthError> {
        // In a cluster each key has a slot of its own.
        let size = if self.link.is_partitioned() { 1 } else { USES };
        for uses in uses.chunks(size) {
            let names: Vec<_> = uses.iter().map(|(id, _)| self.key_of(id)).collect();
            let names: Vec<_> = names.iter().map(Vec::as_slice).collect();
            let times: Vec<_> = uses.iter().map(|(_, at)| millis(*at).to_string()).collect();
            let times: Vec<_> = times.iter().map(String::as_bytes).collect();
            self.link.run(&self.scripts.touch, &names, &times).await?;
        }
        Ok(())
    }

    async fn list(
        &self,
        owner: &Owner,
        after: Option<&KeyId>,
        limit: usize,
    ) -> Result<Vec<Arc<KeyRecord>>, AuthError> {
        let owner = owner_text(owner);
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        if self.link.is_partitioned() {
            return self.list_in_cluster(&owner, after, limit).await;
        }
        let [lasting, ending, ends] = self.index_of(&owner);
        let (after, limit) = (after.map_or("", KeyId::as_str), limit.to_string());
        let arguments = [after.as_bytes(), limit.as_bytes(), self.keys.as_bytes()];
        let names = [&lasting[..], &ending, &ends];
        let answer = self
            .link
            .run(&self.scripts.list, &names, &arguments)
            .await?;
        let found: Vec<(String, Vec<u8>)> =
            from_redis_value(answer).map_err(|error| unexpected_answer().with_source(error))?;
        let found = found.iter().map(|(id, packed)| unpack(id_of(id)?, packed));
        found.collect()
    }
}

/// An id in an index.
fn id_of(text: &str) -> Result<KeyId, AuthError> {
    text.parse()
        .map_err(|error| unexpected_answer().with_source(error))
}
