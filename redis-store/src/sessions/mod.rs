//! Sessions.

#[cfg(feature = "cluster")]
mod cluster;
mod near;
mod packed;
mod scripts;
mod server;

use std::sync::Arc;

use auth_layer::{AuthError, ConfigError, SecretDigest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redis::{Cmd, Value};
use session_layer::{
    CreateOutcome, NewSession, RotateOutcome, SessionBackend, SessionData, SessionId,
    SessionLookup, SessionRecord, Touch, UpdateOutcome, UserKey,
};

pub use self::near::NearCache;
use self::near::{Near, Unfinished, Writing};
use self::packed::{unpack, unpack_found};
use self::scripts::Scripts;
use crate::error::unexpected_answer;
use crate::keys::{Prefix, key, text};
use crate::link::Link;
use crate::time::millis;

/// A [`SessionBackend`] on Redis, from [`RedisStore::sessions`](crate::RedisStore::sessions). Cheap to
/// clone.
///
/// A session is found with one `GET`. On one server, a method that changes something is one script:
/// one trip, and one step. In a cluster the session and the index of its user lie in different slots, and a
/// method takes several steps in an order that never loses a session from the index and never ends
/// less than was asked for; see the README. They are finished in the background when the future is
/// dropped half-way.
#[derive(Clone, Debug)]
pub struct RedisSessions {
    link: Link,
    scripts: Arc<Scripts>,
    /// What the keys of sessions begin with; the digest of the secret follows.
    sessions: Arc<str>,
    /// What the keys of indexes begin with; the key of the user follows.
    indexes: Arc<str>,
    prefix: Prefix,
    near: Option<Near>,
}

/// The digests of sessions that a method has ended beside those it was given.
struct Changed(Vec<SecretDigest>);

impl Changed {
    const NONE: Self = Self(Vec::new());
}

impl RedisSessions {
    pub(crate) fn new(link: Link, prefix: &Prefix) -> Self {
        Self {
            link,
            scripts: Arc::new(Scripts::new()),
            sessions: prefix.of("session").into(),
            indexes: prefix.of("user").into(),
            prefix: prefix.clone(),
            near: None,
        }
    }

    /// Answers sessions that were asked for lately from memory. Off unless called.
    ///
    /// # Errors
    ///
    /// Fails, naming the option, on a cluster, and if the capacity is zero.
    pub fn near_cache(mut self, options: NearCache) -> Result<Self, ConfigError> {
        let near = Near::new(options, self.link.clone(), &self.sessions, &self.prefix)?;
        self.near = Some(near);
        Ok(self)
    }

    /// Keeps no copy of a session while it is written to.
    fn writing(&self, secret: &SecretDigest) -> Option<Writing> {
        let near = self.near.as_ref()?;
        Some(Writing::new(near.copies(), secret))
    }

    /// Keeps no copies of what a method ends that has yet to find out which those are.
    async fn ending<T>(
        &self,
        method: impl Future<Output = Result<(T, Changed), AuthError>>,
    ) -> Result<T, AuthError> {
        let unfinished = self
            .near
            .as_ref()
            .map(|near| Unfinished::new(near.copies()));
        let (outcome, changed) = method.await?;
        if let Some(unfinished) = unfinished {
            unfinished.finish(&changed.0);
        }
        Ok(outcome)
    }

    fn session_key(&self, secret: &SecretDigest) -> Vec<u8> {
        key(&self.sessions, &text(secret.as_bytes()))
    }

    fn index_key(&self, user: &[u8]) -> Vec<u8> {
        key(&self.indexes, user)
    }
}

impl SessionBackend for RedisSessions {
    async fn create(&self, session: NewSession) -> Result<CreateOutcome, AuthError> {
        #[cfg(feature = "cluster")]
        if self.link.is_partitioned() {
            return self.create_in_cluster(session).await;
        }
        if session.record.login.is_none() {
            // Nobody's sessions make room for it: whoever breaks it off must not empty the cache.
            return Ok(self.create_on_server(&session).await?.0);
        }
        self.ending(self.create_on_server(&session)).await
    }

    fn find_now(&self, secret: &SecretDigest) -> SessionLookup {
        match &self.near {
            Some(near) => near.find_now(secret),
            None => SessionLookup::Wait,
        }
    }

    async fn find(&self, secret: &SecretDigest) -> Result<Option<SessionRecord>, AuthError> {
        let session = self.session_key(secret);
        if let Some(near) = &self.near
            && let Some(found) = near.find(secret, &session).await
        {
            return found;
        }
        unpack_found(self.link.send(&session, Cmd::get(&session)).await?)
    }

    async fn touch(&self, secret: &SecretDigest, touch: Touch) -> Result<bool, AuthError> {
        let session = self.session_key(secret);
        let _writing = self.writing(secret);
        let margin = crate::time::keep(touch.seen_at, touch.seen_at);
        let numbers = [millis(touch.seen_at), millis(touch.expires_at), margin];
        let [seen, expires, margin] = numbers.map(|number| number.to_string());
        let arguments = [seen.as_bytes(), expires.as_bytes(), margin.as_bytes()];
        match self
            .link
            .run(&self.scripts.touch, &[&session], &arguments)
            .await?
        {
            Value::Int(touched) => Ok(touched == 1),
            _ => Err(unexpected_answer()),
        }
    }

    async fn update(
        &self,
        secret: &SecretDigest,
        version: u64,
        data: SessionData,
    ) -> Result<UpdateOutcome, AuthError> {
        let session = self.session_key(secret);
        let _writing = self.writing(secret);
        let next = version.saturating_add(1);
        let arguments: [&[u8]; 3] = [&version.to_be_bytes(), &next.to_be_bytes(), data.as_bytes()];
        match self
            .link
            .run(&self.scripts.update, &[&session], &arguments)
            .await?
        {
            Value::Nil => Ok(UpdateOutcome::Gone),
            Value::Int(_) => Ok(UpdateOutcome::Updated { version: next }),
            Value::BulkString(stored) => Ok(UpdateOutcome::Changed(Box::new(unpack(stored)?))),
            _ => Err(unexpected_answer()),
        }
    }

    async fn rotate(
        &self,
        old: &SecretDigest,
        version: Option<u64>,
        new: NewSession,
    ) -> Result<RotateOutcome, AuthError> {
        #[cfg(feature = "cluster")]
        if self.link.is_partitioned() {
            return self.rotate_in_cluster(*old, version, new).await;
        }
        let _writing = self.writing(old);
        self.ending(self.rotate_on_server(old, version, &new)).await
    }

    async fn delete(&self, secret: &SecretDigest) -> Result<bool, AuthError> {
        #[cfg(feature = "cluster")]
        if self.link.is_partitioned() {
            return self.delete_in_cluster(*secret).await;
        }
        let _writing = self.writing(secret);
        self.delete_on_server(secret).await
    }

    async fn list(&self, user: &UserKey) -> Result<Vec<SessionRecord>, AuthError> {
        #[cfg(feature = "cluster")]
        if self.link.is_partitioned() {
            return self.list_in_cluster(user).await;
        }
        self.list_on_server(user).await
    }

    async fn delete_by_id(&self, user: &UserKey, id: &SessionId) -> Result<bool, AuthError> {
        #[cfg(feature = "cluster")]
        if self.link.is_partitioned() {
            let ended = self
                .delete_of_user_in_cluster(*user, Some(*id), None)
                .await?;
            return Ok(!ended.is_empty());
        }
        let ended = self.delete_of_user_on_server(user, Some(id), None);
        Ok(!self.ending(ended).await?.is_empty())
    }

    async fn delete_all(
        &self,
        user: &UserKey,
        except: Option<&SessionId>,
    ) -> Result<Vec<SessionId>, AuthError> {
        #[cfg(feature = "cluster")]
        if self.link.is_partitioned() {
            return self
                .delete_of_user_in_cluster(*user, None, except.copied())
                .await;
        }
        self.ending(self.delete_of_user_on_server(user, None, except))
            .await
    }
}

pub(crate) fn digest_from_text(text: &[u8]) -> Option<SecretDigest> {
    let mut bytes = [0; 32];
    match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
        Ok(32) => Some(SecretDigest::from_bytes(bytes)),
        _ => None,
    }
}
