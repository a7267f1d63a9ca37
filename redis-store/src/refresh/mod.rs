//! Families of refresh tokens.

mod packed;

use std::sync::Arc;

use auth_layer::{AuthError, MAX_LEEWAY, UserKey};
use futures_util::future::try_join_all;
use jwt_layer::refresh::{FamilyId, FamilyState, RefreshStore, RotateOutcome, Rotation};
use redis::{Cmd, Value, from_redis_value};

use crate::error::unexpected_answer;
use crate::keys::{Prefix, key, text};
use crate::link::Link;
use crate::script::Script;
use crate::time::{keep, millis};

/// A [`RefreshStore`] on Redis, from [`RedisStore::refresh_families`](crate::RedisStore::refresh_families).
/// Cheap to clone.
///
/// A rotation is one script on one key, also in a cluster. There a family and the index of its user lie
/// in different slots: the index is written first.
#[derive(Clone, Debug)]
pub struct RedisRefreshStore {
    link: Link,
    scripts: Arc<Scripts>,
    families: Arc<str>,
    indexes: Arc<str>,
}

#[derive(Debug)]
struct Scripts {
    end: Script,
    index: Script,
    insert: Script,
    rotate: Script,
}

impl RedisRefreshStore {
    pub(crate) fn new(link: Link, prefix: &Prefix) -> Self {
        Self {
            link,
            scripts: Arc::new(Scripts {
                end: Script::new(include_str!("lua/end.lua")),
                index: Script::new(include_str!("lua/index.lua")),
                insert: Script::new(include_str!("lua/insert.lua")),
                rotate: Script::new(include_str!("lua/rotate.lua")),
            }),
            families: prefix.of("family").into(),
            indexes: prefix.of("families").into(),
        }
    }

    fn family_key(&self, id: &FamilyId) -> Vec<u8> {
        key(&self.families, id.to_string().as_bytes())
    }

    fn index_key(&self, user: &UserKey) -> Vec<u8> {
        key(&self.indexes, &text(user.as_bytes()))
    }

    /// The values of families, in one trip.
    async fn get_all(&self, keys: &[Vec<u8>]) -> Result<Vec<Value>, AuthError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        if self.link.is_partitioned() {
            let get = keys.iter().map(|key| self.link.send(key, Cmd::get(key)));
            return try_join_all(get).await;
        }
        match self.link.send(&keys[0], Cmd::mget(keys)).await? {
            Value::Array(values) if values.len() == keys.len() => Ok(values),
            _ => Err(unexpected_answer()),
        }
    }
}

impl RefreshStore for RedisRefreshStore {
    async fn insert(&self, new: FamilyState) -> Result<bool, AuthError> {
        let family = &new.family;
        let (index, kept) = (self.index_key(&family.user()), self.family_key(&family.id));
        let (id, packed) = (family.id.to_string(), packed::pack(&new));
        let ttl = keep(family.began_at, new.expires_at);
        let index_ttl = keep(family.began_at, family.ends_at).max(ttl).to_string();
        let ends_at = millis(family.ends_at.max(new.expires_at)).to_string();
        let forgotten = family.began_at.checked_sub(MAX_LEEWAY);
        let forgotten = forgotten.map_or(0, millis).to_string();
        let listing = [
            id.as_bytes(),
            ends_at.as_bytes(),
            index_ttl.as_bytes(),
            forgotten.as_bytes(),
        ];
        if self.link.is_partitioned() {
            self.link
                .run(&self.scripts.index, &[&index], &listing)
                .await?;
            let mut set = redis::cmd("SET");
            set.arg(&kept).arg(packed).arg("NX").arg("PX").arg(ttl);
            return Ok(self.link.send(&kept, set).await? != Value::Nil);
        }
        let ttl = ttl.to_string();
        let mut arguments = vec![&packed[..], ttl.as_bytes()];
        arguments.extend(listing);
        let stored = self
            .link
            .run(&self.scripts.insert, &[&kept, &index], &arguments)
            .await?;
        match stored {
            Value::Int(stored) => Ok(stored == 1),
            _ => Err(unexpected_answer()),
        }
    }

    async fn find(&self, id: &FamilyId) -> Result<Option<FamilyState>, AuthError> {
        let kept = self.family_key(id);
        match self.link.send(&kept, Cmd::get(&kept)).await? {
            Value::Nil => Ok(None),
            Value::BulkString(packed) => packed::unpack(*id, &packed).map(Some),
            _ => Err(unexpected_answer()),
        }
    }

    async fn rotate(&self, id: &FamilyId, rotation: Rotation) -> Result<RotateOutcome, AuthError> {
        let kept = self.family_key(id);
        let numbers = [
            millis(rotation.now),
            packed::window(&rotation),
            u64::from(rotation.max_replays),
            millis(rotation.expires_at),
            keep(rotation.now, rotation.expires_at),
        ];
        let numbers = numbers.map(|number| number.to_string());
        let mut arguments = vec![
            &rotation.presented.as_bytes()[..],
            rotation.next.as_bytes(),
            &rotation.successor,
        ];
        arguments.extend(numbers.iter().map(String::as_bytes));
        let answer = self
            .link
            .run(&self.scripts.rotate, &[&kept], &arguments)
            .await?;
        let mut parts: Vec<Vec<u8>> =
            from_redis_value(answer).map_err(|error| unexpected_answer().with_source(error))?;
        let successor = if parts.len() == 2 { parts.pop() } else { None };
        match (parts.first().map(Vec::as_slice), parts.len(), successor) {
            (Some(b"exhausted"), 1, None) => Ok(RotateOutcome::Exhausted),
            (Some(b"repeated"), 1, Some(successor)) => Ok(RotateOutcome::Repeated(successor)),
            (Some(b"reused"), 1, None) => Ok(RotateOutcome::Reused),
            (Some(b"rotated"), 1, None) => Ok(RotateOutcome::Rotated),
            (Some(b"unknown"), 1, None) => Ok(RotateOutcome::Unknown),
            _ => Err(unexpected_answer()),
        }
    }

    async fn end(&self, id: &FamilyId) -> Result<bool, AuthError> {
        let (kept, id) = (self.family_key(id), id.to_string());
        let is_partitioned = self.link.is_partitioned();
        let reachable = if is_partitioned { "" } else { &*self.indexes };
        let arguments = [id.as_bytes(), reachable.as_bytes()];
        match self
            .link
            .run(&self.scripts.end, &[&kept], &arguments)
            .await?
        {
            Value::Nil => Ok(false),
            Value::BulkString(user) => {
                if is_partitioned {
                    // The family is gone, and who asks again would hear that there was none. What is left
                    // in the index if this fails is passed over, and ends by itself.
                    let index = key(&self.indexes, &user);
                    let _ = self.link.send(&index, Cmd::zrem(&index, &id)).await;
                }
                Ok(true)
            }
            _ => Err(unexpected_answer()),
        }
    }

    async fn list(&self, user: &UserKey) -> Result<Vec<FamilyState>, AuthError> {
        let index = self.index_key(user);
        let ids = self.link.send(&index, Cmd::zrange(&index, 0, -1)).await?;
        let ids: Vec<String> =
            from_redis_value(ids).map_err(|error| unexpected_answer().with_source(error))?;
        let ids: Result<Vec<FamilyId>, _> = ids.iter().map(|id| id.parse()).collect();
        let ids = ids.map_err(|error| unexpected_answer().with_source(error))?;
        let keys: Vec<_> = ids.iter().map(|id| self.family_key(id)).collect();
        let mut families = Vec::with_capacity(ids.len());
        for (id, value) in ids.into_iter().zip(self.get_all(&keys).await?) {
            match value {
                // It has ended, or is being stored.
                Value::Nil => {}
                Value::BulkString(packed) => {
                    // In a cluster an id that was taken may be in another user's index.
                    if packed::user(&packed) == Some(&text(user.as_bytes())) {
                        families.push(packed::unpack(id, &packed)?);
                    }
                }
                _ => return Err(unexpected_answer()),
            }
        }
        Ok(families)
    }
}
