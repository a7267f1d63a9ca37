//! API keys in a cluster, where a key and the index of its owner lie in different slots.
//!
//! No step can change both, so the order of the steps is what counts. The index keeps a place for some
//! minutes, if there is one; the key is stored; the index takes it down for good. A key is revoked before
//! the index knows it. Once begun, a method runs to its end in a task of its own.
//!
//! What a crash of this program leaves between two steps: a place that lapses; a key whose secret
//! nobody was told; a revoked key that takes a place, until there is none left: then the index is
//! compared with the keys.

use std::sync::Arc;
use std::time::Duration;

use apikey_layer::{Inserted, KeyId, KeyRecord};
use auth_layer::{AuthError, MAX_LEEWAY};
use futures_util::future::try_join_all;
use redis::{Cmd, Value, from_redis_value};

use super::packed::{HEAD, owner_text, pack, revoked, unpack};
use super::{Index, RedisApiKeys, id_of};
use crate::error::unexpected_answer;
use crate::keys::DIGEST;
use crate::time::millis;

/// For how long a place is kept for a key that is being stored: a minute, also for callers whose clocks
/// are ahead.
const STORING: Duration = Duration::from_secs(60).saturating_add(MAX_LEEWAY);

/// Runs to its end, whether or not somebody waits for it.
async fn in_background<T: Send + 'static>(
    steps: impl Future<Output = Result<T, AuthError>> + Send + 'static,
) -> Result<T, AuthError> {
    match tokio::spawn(steps).await {
        Ok(result) => result,
        Err(error) => Err(AuthError::unavailable("redis_task_ended").with_source(error)),
    }
}

impl RedisApiKeys {
    pub(super) async fn insert_in_cluster(
        &self,
        record: KeyRecord,
        limit: usize,
    ) -> Result<Inserted, AuthError> {
        let this = self.clone();
        in_background(async move { this.insert_in_steps(&record, limit).await }).await
    }

    async fn insert_in_steps(
        &self,
        record: &KeyRecord,
        limit: usize,
    ) -> Result<Inserted, AuthError> {
        let (owner, kept) = (owner_text(record.owner()), self.key_of(record.id()));
        let index = self.index_of(&owner);
        let mut reserved = self.reserve(&index, record, limit).await?;
        if reserved == Inserted::Full {
            if self.link.send(&kept, Cmd::exists(&kept)).await? == Value::Int(1) {
                return Ok(Inserted::Taken);
            }
            self.compare(&index).await?;
            reserved = self.reserve(&index, record, limit).await?;
        }
        if reserved != Inserted::Done {
            return Ok(reserved);
        }
        let end = self.ending(record);
        let mut set = redis::cmd("SET");
        set.arg(&kept).arg(pack(record)).arg("NX");
        if let Some(end) = &end {
            set.arg("PX").arg(&end.ttl);
        }
        let id = record.id().as_str();
        // A failure leaves a place that lapses; the key may have been stored, and nobody is told it.
        if self.link.send(&kept, set).await? == Value::Nil {
            self.leave(&index, &[id]).await?;
            return Ok(Inserted::Taken);
        }
        let until = reserved_until(record).to_string();
        let mut arguments = vec![id.as_bytes(), until.as_bytes()];
        if let Some(end) = &end {
            arguments.extend([end.place.as_bytes(), end.ttl.as_bytes()]);
        }
        let [lasting, ending, ends] = &index;
        self.link
            .run(&self.scripts.confirm, &[lasting, ending, ends], &arguments)
            .await?;
        Ok(Inserted::Done)
    }

    /// Keeps a place in the index, and takes out of it what has ended long ago.
    async fn reserve(
        &self,
        index: &Index,
        record: &KeyRecord,
        limit: usize,
    ) -> Result<Inserted, AuthError> {
        let [lasting, ending, ends] = index;
        let ttl = match self.ending(record) {
            Some(end) => end.ttl,
            None => self.keep_revoked().to_string(),
        };
        let numbers = [
            millis(record.created_at()).to_string(),
            limit.to_string(),
            reserved_until(record).to_string(),
            ttl,
            self.forgotten(record.created_at()).to_string(),
        ];
        let mut arguments = vec![record.id().as_str().as_bytes()];
        arguments.extend(numbers.iter().map(String::as_bytes));
        let answer = self
            .link
            .run(&self.scripts.reserve, &[lasting, ending, ends], &arguments)
            .await?;
        let words: Vec<String> =
            from_redis_value(answer).map_err(|error| unexpected_answer().with_source(error))?;
        let Some((word, ended)) = words.split_first() else {
            return Err(unexpected_answer());
        };
        let outcome = match &**word {
            "done" => Inserted::Done,
            "full" => Inserted::Full,
            "taken" => Inserted::Taken,
            _ => return Err(unexpected_answer()),
        };
        if !ended.is_empty() {
            let heads = self.heads(ended).await?;
            let gone = ended.iter().zip(&heads).filter(|(_, head)| head.is_empty());
            let gone: Vec<_> = gone.map(|(id, _)| &**id).collect();
            self.leave(index, &gone).await?;
        }
        Ok(outcome)
    }

    /// Has the index know of keys that ended when it could not be told.
    async fn compare(&self, index: &Index) -> Result<(), AuthError> {
        let [lasting, ..] = index;
        let answer = self.link.send(lasting, Cmd::zrange(lasting, 0, -1)).await?;
        let lasting_ids: Vec<String> =
            from_redis_value(answer).map_err(|error| unexpected_answer().with_source(error))?;
        let ids = self.unrevoked(index).await?;
        let heads = self.heads(&ids).await?;
        let (mut gone, mut ended) = (Vec::new(), Vec::new());
        for (id, head) in ids.iter().zip(&heads) {
            if let Some(at) = revoked(head) {
                ended.push((id.clone(), at));
            } else if head.is_empty() && lasting_ids.contains(id) {
                // Others may be being stored.
                gone.push(&**id);
            }
        }
        self.leave(index, &gone).await?;
        self.end(index, &ended).await
    }

    async fn heads(&self, ids: &[String]) -> Result<Vec<Vec<u8>>, AuthError> {
        let last = isize::try_from(HEAD).unwrap_or(isize::MAX) - 1;
        let heads = ids.iter().map(|id| async move {
            let kept = self.key_of(&id_of(id)?);
            match self.link.send(&kept, Cmd::getrange(&kept, 0, last)).await? {
                Value::BulkString(head) => Ok(head),
                _ => Err(unexpected_answer()),
            }
        });
        try_join_all(heads).await
    }

    async fn unrevoked(&self, index: &Index) -> Result<Vec<String>, AuthError> {
        let [lasting, ending, ends] = index;
        let names = [&lasting[..], ending, ends];
        let answer = self
            .link
            .run(&self.scripts.unrevoked_ids, &names, &[])
            .await?;
        from_redis_value(answer).map_err(|error| unexpected_answer().with_source(error))
    }

    async fn leave(&self, index: &Index, ids: &[&str]) -> Result<(), AuthError> {
        let [lasting, ending, ends] = index;
        let ids: Vec<_> = ids.iter().map(|id| id.as_bytes()).collect();
        if !ids.is_empty() {
            let names = [&lasting[..], ending, ends];
            self.link.run(&self.scripts.leave, &names, &ids).await?;
        }
        Ok(())
    }

    /// Has the index know when keys were revoked.
    async fn end(&self, index: &Index, ended: &[(String, u64)]) -> Result<(), AuthError> {
        if ended.is_empty() {
            return Ok(());
        }
        let [lasting, ending, ends] = index;
        let mut arguments = vec![self.keep_revoked().to_string()];
        for (id, at) in ended {
            arguments.extend([id.clone(), at.to_string()]);
        }
        let arguments: Vec<_> = arguments.iter().map(String::as_bytes).collect();
        self.link
            .run(&self.scripts.end, &[lasting, ending, ends], &arguments)
            .await?;
        Ok(())
    }

    /// As [`end`](Self::end), after what counts has been done.
    async fn tell(&self, owner: &[u8], ended: &[(String, u64)]) {
        if let Err(error) = self.end(&self.index_of(owner), ended).await {
            tracing::debug!(error = %error, "a key that was revoked still takes a place");
        }
    }

    pub(super) async fn revoke_in_cluster(&self, id: KeyId, at: u64) -> Result<bool, AuthError> {
        let this = self.clone();
        in_background(async move {
            let Some((owner, at, _)) = this.revoke_key(&id, at, b"").await? else {
                return Ok(false);
            };
            this.tell(&owner, &[(id.to_string(), at)]).await;
            Ok(true)
        })
        .await
    }

    pub(super) async fn revoke_owned_in_cluster(
        &self,
        owner: [u8; DIGEST],
        at: u64,
    ) -> Result<usize, AuthError> {
        let this = self.clone();
        in_background(async move {
            let ids = this.unrevoked(&this.index_of(&owner)).await?;
            let revoked = ids.iter().map(|id| {
                let (this, owner) = (&this, &owner);
                async move {
                    let found = this.revoke_key(&id_of(id)?, at, owner).await?;
                    Ok::<_, AuthError>(found.map(|(_, at, first)| (id.clone(), at, first)))
                }
            });
            let revoked: Vec<_> = try_join_all(revoked).await?.into_iter().flatten().collect();
            let ended: Vec<_> = revoked
                .iter()
                .map(|(id, at, _)| (id.clone(), *at))
                .collect();
            this.tell(&owner, &ended).await;
            Ok(revoked.iter().filter(|(.., first)| *first).count())
        })
        .await
    }

    pub(super) async fn list_in_cluster(
        &self,
        owner: &[u8],
        after: Option<&KeyId>,
        limit: u32,
    ) -> Result<Vec<Arc<KeyRecord>>, AuthError> {
        let [lasting, ending, ends] = &self.index_of(owner);
        let mut after = after.map_or(String::new(), ToString::to_string);
        let mut found = Vec::new();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        while found.len() < limit {
            let wanted = (limit - found.len()).to_string();
            let arguments = [after.as_bytes(), wanted.as_bytes()];
            let names = [&lasting[..], ending, ends];
            let answer = self
                .link
                .run(&self.scripts.page_ids, &names, &arguments)
                .await?;
            let ids: Vec<String> =
                from_redis_value(answer).map_err(|error| unexpected_answer().with_source(error))?;
            let Some(last) = ids.last() else {
                break;
            };
            after.clone_from(last);
            let keys = ids.iter().map(|id| async move {
                let id = id_of(id)?;
                let kept = self.key_of(&id);
                match self.link.send(&kept, Cmd::get(&kept)).await? {
                    Value::Nil => Ok(None),
                    Value::BulkString(packed) => unpack(id, &packed).map(Some),
                    _ => Err(unexpected_answer()),
                }
            });
            // An entry without a key has ended, or is being stored.
            let keys = try_join_all(keys).await?.into_iter().flatten();
            found.extend(keys.filter(|record| owner_text(record.owner()) == *owner));
        }
        Ok(found)
    }
}

fn reserved_until(record: &KeyRecord) -> u64 {
    millis(record.created_at() + STORING)
}
