//! Remembered logins.

mod packed;

use std::sync::Arc;
use std::time::SystemTime;

use auth_layer::{AuthError, SecretDigest};
use futures_util::future::try_join_all;
use redis::{Cmd, Value, from_redis_value};
use session_layer::{
    NewSeries, RedeemOutcome, Redemption, RememberStore, RememberedLogin, UserKey,
};

use crate::error::unexpected_answer;
use crate::keys::{Prefix, key, text};
use crate::link::Link;
use crate::script::Script;
use crate::time::{keep, millis};

/// For how long an index entry without a series may belong to a login that is being stored.
const STORING_MILLIS: u64 = 60_000;

/// A [`RememberStore`] on Redis, from [`RedisStore::remembered`](crate::RedisStore::remembered). Cheap
/// to clone.
///
/// On one server each method is one script. In a cluster a series and the index of its user lie in different slots:
/// the index is written first, and what is too many ends a moment after the new series was stored.
#[derive(Clone, Debug)]
pub struct RedisRememberStore {
    link: Link,
    scripts: Arc<Scripts>,
    series: Arc<str>,
    indexes: Arc<str>,
}

#[derive(Debug)]
struct Scripts {
    add: Script,
    delete: Script,
    delete_all: Script,
    insert: Script,
    redeem: Script,
}

/// A script, after the functions that it uses.
macro_rules! script {
    ($file:literal) => {
        Script::new(concat!(
            include_str!("lua/series.lua"),
            "\n",
            include_str!(concat!("lua/", $file, ".lua"))
        ))
    };
}

impl RedisRememberStore {
    pub(crate) fn new(link: Link, prefix: &Prefix) -> Self {
        Self {
            link,
            scripts: Arc::new(Scripts {
                add: script!("add"),
                delete: script!("delete"),
                delete_all: script!("delete_all"),
                insert: script!("insert"),
                redeem: script!("redeem"),
            }),
            series: prefix.of("remember").into(),
            indexes: prefix.of("remembered").into(),
        }
    }

    fn series_key(&self, series: &SecretDigest) -> Vec<u8> {
        key(&self.series, &text(series.as_bytes()))
    }

    /// What keys of indexes begin with, for scripts that may change them.
    fn reachable_indexes(&self) -> &[u8] {
        if self.link.is_partitioned() {
            b""
        } else {
            self.indexes.as_bytes()
        }
    }

    /// Takes series that have ended out of the index, where the script could not.
    async fn forget(&self, user: &[u8], digests: &[&[u8]]) -> Result<(), AuthError> {
        if self.link.is_partitioned() && !digests.is_empty() {
            let index = key(&self.indexes, user);
            self.link.send(&index, Cmd::zrem(&index, digests)).await?;
        }
        Ok(())
    }

    async fn insert_in_cluster(&self, new: &NewSeries, ttl: u64) -> Result<bool, AuthError> {
        let user = text(new.login.user().as_bytes());
        let (index, series) = (key(&self.indexes, &user), self.series_key(&new.series));
        let digest = text(new.series.as_bytes());
        let (began, ttl_text) = (millis(new.login.began_at).to_string(), ttl.to_string());
        let arguments = [&digest[..], began.as_bytes(), ttl_text.as_bytes()];
        let count = self
            .link
            .run(&self.scripts.add, &[&index], &arguments)
            .await?;

        let mut set = redis::cmd("SET");
        set.arg(&series)
            .arg(packed::pack(new))
            .arg("NX")
            .arg("PX")
            .arg(ttl);
        if self.link.send(&series, set).await? == Value::Nil {
            // It is taken; by another series of this user, perhaps.
            let taken = self.link.send(&series, Cmd::get(&series)).await?;
            let is_own =
                matches!(&taken, Value::BulkString(taken) if packed::user(taken) == Some(&user));
            if !is_own {
                self.forget(&user, &[&digest]).await?;
            }
            return Ok(false);
        }
        let Value::Int(count) = count else {
            return Err(unexpected_answer());
        };
        if count > i64::from(new.max_per_user.max(1)) {
            self.make_room(&user, &digest, new).await?;
        }
        Ok(true)
    }

    /// Ends the series of a user that began first, until there are no more than allowed.
    async fn make_room(&self, user: &[u8], own: &[u8], new: &NewSeries) -> Result<(), AuthError> {
        let index = key(&self.indexes, user);
        let range = self
            .link
            .send(&index, Cmd::zrange_withscores(&index, 0, -1))
            .await?;
        let others: Vec<(Vec<u8>, f64)> =
            from_redis_value(range).map_err(|error| unexpected_answer().with_source(error))?;
        let others: Vec<_> = others
            .into_iter()
            .filter(|(digest, _)| digest != own)
            .collect();
        let last = isize::try_from(packed::USER).unwrap_or(isize::MAX) - 1;
        let heads = others.iter().map(|(digest, _)| {
            let series = key(&self.series, digest);
            async move {
                let head = Cmd::getrange(&series, 0, last);
                self.link.send(&series, head).await
            }
        });
        let heads = try_join_all(heads).await?;
        let now = millis(new.login.began_at);
        let (mut live, mut ended) = (Vec::new(), Vec::new());
        for ((digest, began), head) in others.iter().zip(heads) {
            // Scores are whole milliseconds.
            let lately = now.saturating_sub(STORING_MILLIS);
            #[expect(clippy::cast_precision_loss, reason = "milliseconds are below 2^53")]
            let is_being_stored = *began >= lately as f64;
            let Value::BulkString(head) = head else {
                return Err(unexpected_answer());
            };
            match packed::ends(&head) {
                None if is_being_stored => {}
                None => ended.push(&digest[..]),
                // Those that are over take no place.
                Some(ends) if ends <= now => {}
                Some(_) => live.push(&digest[..]),
            }
        }
        let room = usize::try_from(new.max_per_user.max(1)).unwrap_or(usize::MAX) - 1;
        let excess = live.len().saturating_sub(room);
        let removed = live[..excess].iter().map(|digest| {
            let series = key(&self.series, digest);
            async move { self.link.send(&series, Cmd::del(&series)).await }
        });
        try_join_all(removed).await?;
        ended.extend(&live[..excess]);
        self.forget(user, &ended).await
    }

    async fn delete_all_in_cluster(
        &self,
        user: &[u8],
        except: Option<&[u8]>,
    ) -> Result<usize, AuthError> {
        let index = key(&self.indexes, user);
        let range = self.link.send(&index, Cmd::zrange(&index, 0, -1)).await?;
        let digests: Vec<Vec<u8>> =
            from_redis_value(range).map_err(|error| unexpected_answer().with_source(error))?;
        let digests: Vec<_> = digests
            .iter()
            .filter(|digest| Some(&***digest) != except)
            .collect();
        let removed = digests.iter().map(|digest| {
            let series = key(&self.series, digest);
            async move { self.link.send(&series, Cmd::del(&series)).await }
        });
        let removed = try_join_all(removed).await?;
        // An entry without a series may belong to one that is being stored.
        let ended = digests
            .iter()
            .zip(removed)
            .filter(|(_, removed)| *removed == Value::Int(1));
        let ended: Vec<_> = ended.map(|(digest, _)| digest.as_slice()).collect();
        self.forget(user, &ended).await?;
        Ok(ended.len())
    }
}

impl RememberStore for RedisRememberStore {
    async fn insert(&self, new: NewSeries) -> Result<bool, AuthError> {
        let ttl = keep(new.login.began_at, new.login.ends_at);
        if self.link.is_partitioned() {
            return self.insert_in_cluster(&new, ttl).await;
        }
        let index = key(&self.indexes, &text(new.login.user().as_bytes()));
        let series = self.series_key(&new.series);
        let packed = packed::pack(&new);
        let numbers = [
            ttl,
            millis(new.login.began_at),
            u64::from(new.max_per_user.max(1)),
        ];
        let [ttl, began, max] = numbers.map(|number| number.to_string());
        let arguments = [
            &packed[..],
            ttl.as_bytes(),
            began.as_bytes(),
            max.as_bytes(),
            self.series.as_bytes(),
        ];
        match self
            .link
            .run(&self.scripts.insert, &[&series, &index], &arguments)
            .await?
        {
            Value::Int(stored) => Ok(stored == 1),
            _ => Err(unexpected_answer()),
        }
    }

    async fn find(&self, series: &SecretDigest) -> Result<Option<RememberedLogin>, AuthError> {
        let series = self.series_key(series);
        match self.link.send(&series, Cmd::get(&series)).await? {
            Value::Nil => Ok(None),
            Value::BulkString(packed) => packed::unpack(&packed).map(Some),
            _ => Err(unexpected_answer()),
        }
    }

    async fn redeem(
        &self,
        series: &SecretDigest,
        redemption: Redemption,
    ) -> Result<RedeemOutcome, AuthError> {
        let digest = text(series.as_bytes());
        let series = key(&self.series, &digest);
        // To the millisecond, as times are.
        let grace = millis(
            SystemTime::UNIX_EPOCH
                + redemption
                    .grace
                    .min(std::time::Duration::from_secs(1 << 32)),
        );
        let (now, grace) = (millis(redemption.now).to_string(), grace.to_string());
        let arguments = [
            &redemption.presented.as_bytes()[..],
            redemption.next.as_bytes(),
            now.as_bytes(),
            grace.as_bytes(),
            self.reachable_indexes(),
        ];
        let answer = self
            .link
            .run(&self.scripts.redeem, &[&series], &arguments)
            .await?;
        if answer == Value::Nil {
            return Ok(RedeemOutcome::Unknown);
        }
        let parts: Vec<Vec<u8>> =
            from_redis_value(answer).map_err(|error| unexpected_answer().with_source(error))?;
        let [word, login, rest @ ..] = &parts[..] else {
            return Err(unexpected_answer());
        };
        match (&word[..], rest) {
            (b"rotated", []) => packed::decode(login).map(RedeemOutcome::Rotated),
            (b"repeated", []) => packed::decode(login).map(RedeemOutcome::Repeated),
            (b"reused", [user]) => {
                // It has ended; what is left in the index is harmless, and must not hide the theft.
                if let Err(error) = self.forget(user, &[&digest]).await {
                    tracing::debug!(error = %error, "a series that has ended is still in an index");
                }
                packed::decode(login).map(RedeemOutcome::Reused)
            }
            _ => Err(unexpected_answer()),
        }
    }

    async fn delete(&self, series: &SecretDigest) -> Result<bool, AuthError> {
        let digest = text(series.as_bytes());
        let series = key(&self.series, &digest);
        let arguments = [self.reachable_indexes()];
        match self
            .link
            .run(&self.scripts.delete, &[&series], &arguments)
            .await?
        {
            Value::Nil => Ok(false),
            Value::BulkString(user) => {
                self.forget(&user, &[&digest]).await?;
                Ok(true)
            }
            _ => Err(unexpected_answer()),
        }
    }

    async fn delete_all(
        &self,
        user: &UserKey,
        except: Option<&SecretDigest>,
    ) -> Result<usize, AuthError> {
        let user = text(user.as_bytes());
        let except = except.map(|except| text(except.as_bytes()));
        let except = except.as_ref().map(|except| &except[..]);
        if self.link.is_partitioned() {
            return self.delete_all_in_cluster(&user, except).await;
        }
        let index = key(&self.indexes, &user);
        let arguments = [self.series.as_bytes(), except.unwrap_or_default()];
        match self
            .link
            .run(&self.scripts.delete_all, &[&index], &arguments)
            .await?
        {
            Value::Int(ended) => usize::try_from(ended).map_err(|_| unexpected_answer()),
            _ => Err(unexpected_answer()),
        }
    }
}
