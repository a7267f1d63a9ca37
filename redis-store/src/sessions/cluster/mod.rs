//! Sessions in a cluster, where a session and the index of its user lie in different slots.
//!
//! No step can change both, so the order of the steps is what counts. Nobody knows a secret before
//! the method that stores it returns; a session is stored first and entered into the index afterwards,
//! which decides, in one step, whether there is room. What is to end is marked in the index, then ended, then taken out
//! of it. Once begun, a method runs to its end in a task of its own, also when nobody waits for it any more.
//!
//! What a crash of this program leaves between two steps: a session whose secret nobody was told;
//! a marked entry, which the next method ends; an old session that has ended without the new one, which costs a
//! login.

mod end;
mod enter;
mod index;

use std::time::SystemTime;

use auth_layer::{AuthError, SecretDigest};
use futures_util::future::try_join_all;
use futures_util::try_join;
use redis::{Cmd, Value};
use session_layer::{CreateOutcome, NewSession, RotateOutcome, SessionId, SessionRecord, UserKey};

use self::enter::{Entered, Replaced};
use super::RedisSessions;
use super::packed::{HEAD, Head, pack, unpack, user_text};
use crate::error::unexpected_answer;
use crate::keys::{DIGEST, key, text};
use crate::time::{keep, millis};

/// Runs to its end, whether or not somebody waits for it.
async fn in_background<T: Send + 'static>(
    steps: impl Future<Output = Result<T, AuthError>> + Send + 'static,
) -> Result<T, AuthError> {
    match tokio::spawn(steps).await {
        Ok(result) => result,
        Err(error) => Err(AuthError::unavailable("redis_task_ended").with_source(error)),
    }
}

impl RedisSessions {
    pub(super) async fn create_in_cluster(
        &self,
        session: NewSession,
    ) -> Result<CreateOutcome, AuthError> {
        let this = self.clone();
        in_background(async move { this.create_in_steps(&session).await }).await
    }

    async fn create_in_steps(&self, new: &NewSession) -> Result<CreateOutcome, AuthError> {
        let Some(user) = new.record.user() else {
            return Ok(if self.store(new).await? {
                CreateOutcome::Created {
                    evicted: Vec::new(),
                }
            } else {
                CreateOutcome::Collided
            });
        };
        let user = user_text(&user);
        let (stored, index) = try_join!(self.store(new), self.read_index(&user))?;
        if !stored {
            return Ok(CreateOutcome::Collided);
        }
        let outcome = match self.enter(&user, index, new, None).await {
            Ok(Entered::Yes { evicted }) => return Ok(CreateOutcome::Created { evicted }),
            Ok(Entered::Collided | Entered::Gone) => Ok(CreateOutcome::Collided),
            Ok(Entered::Full) => Ok(CreateOutcome::Full),
            Err(error) => Err(error),
        };
        self.remove(&text(new.secret.as_bytes())).await?;
        outcome
    }

    pub(super) async fn rotate_in_cluster(
        &self,
        old: SecretDigest,
        version: Option<u64>,
        new: NewSession,
    ) -> Result<RotateOutcome, AuthError> {
        let this = self.clone();
        in_background(async move { this.rotate_in_steps(&old, version, &new).await }).await
    }

    async fn rotate_in_steps(
        &self,
        old: &SecretDigest,
        version: Option<u64>,
        new: &NewSession,
    ) -> Result<RotateOutcome, AuthError> {
        let now = new.record.last_seen_at;
        let (old, new_key) = (text(old.as_bytes()), self.session_key(&new.secret));
        let user = new.record.user().as_ref().map(user_text);
        let index = async {
            match &user {
                Some(user) => self.read_index(user).await.map(Some),
                None => Ok(None),
            }
        };
        let exists = self.link.send(&new_key, Cmd::exists(&new_key));
        let (stored, index, exists) = try_join!(self.get(&old), index, exists)?;
        let Some(stored) = stored else {
            return Ok(RotateOutcome::Gone);
        };
        let head = Head::read(&stored).ok_or_else(unexpected_answer)?;
        if millis(now) >= head.expires {
            return Ok(RotateOutcome::Gone);
        }
        if version.is_some_and(|version| version != head.version) {
            return Ok(RotateOutcome::Changed(Box::new(unpack(stored)?)));
        }
        if exists != Value::Int(0) {
            return Ok(RotateOutcome::Collided);
        }

        // Nothing has been done yet, and as long as that can be said, nothing is.
        let refreshed = head.user.is_some() && head.user == user;
        let replaced = refreshed.then(|| Replaced {
            id: head.id.clone(),
            digest: old,
        });
        if let Some(index) = &index {
            match self.look(index, new, replaced.as_ref()).await? {
                Ok(_) => {}
                Err(refused) => return Ok(refused.into_rotate_outcome()),
            }
        }
        // Whoever ends the session by its id from now on means the new one too.
        if let (Some(user), Some(replaced)) = (&user, &replaced)
            && !self.mark_replaced(user, replaced, now).await?
        {
            return Ok(RotateOutcome::Gone);
        }
        match self.end(&old, version, Some(now)).await? {
            End::Ended(_) => {}
            End::Gone => return Ok(RotateOutcome::Gone),
            End::Changed(stored) => {
                if let (Some(user), Some(replaced)) = (&user, &replaced) {
                    self.unmark_replaced(user, replaced).await?;
                }
                return Ok(RotateOutcome::Changed(Box::new(unpack(stored)?)));
            }
        }
        if !self.store(new).await? {
            return Err(AuthError::unavailable("redis_secret_taken"));
        }
        let outcome = match (&user, index) {
            (Some(user), Some(index)) => self.enter(user, index, new, replaced.as_ref()).await,
            _ => Ok(Entered::Yes {
                evicted: Vec::new(),
            }),
        };
        if !refreshed && let Some(user) = &head.user {
            self.forget(user, &head.id, &old).await?;
        }
        match outcome {
            Ok(Entered::Yes { evicted }) => Ok(RotateOutcome::Rotated { evicted }),
            Ok(refused) => {
                self.remove(&text(new.secret.as_bytes())).await?;
                Ok(refused.into_rotate_outcome())
            }
            Err(error) => {
                self.remove(&text(new.secret.as_bytes())).await?;
                Err(error)
            }
        }
    }

    pub(super) async fn delete_in_cluster(&self, secret: SecretDigest) -> Result<bool, AuthError> {
        let this = self.clone();
        let steps = async move {
            let digest = text(secret.as_bytes());
            let End::Ended(head) = this.end(&digest, None, None).await? else {
                return Ok(false);
            };
            let head = Head::read(&head).ok_or_else(unexpected_answer)?;
            if let Some(user) = &head.user {
                this.forget(user, &head.id, &digest).await?;
            }
            Ok(true)
        };
        in_background(steps).await
    }

    pub(super) async fn list_in_cluster(
        &self,
        user: &UserKey,
    ) -> Result<Vec<SessionRecord>, AuthError> {
        let index = self.read_index(&user_text(user)).await?;
        let entries = index.entries.iter().filter(|entry| !entry.is_ending());
        let found = try_join_all(entries.map(|entry| self.get(&entry.digest))).await?;
        found.into_iter().flatten().map(unpack).collect()
    }

    /// Ends one session of a user, or all but one.
    pub(super) async fn delete_of_user_in_cluster(
        &self,
        user: UserKey,
        only: Option<SessionId>,
        except: Option<SessionId>,
    ) -> Result<Vec<SessionId>, AuthError> {
        let this = self.clone();
        let steps = async move {
            let user = user_text(&user);
            let marked = this.mark_ending(&user, only, except).await?;
            this.end_marked(&user, &marked).await
        };
        in_background(steps).await
    }

    /// Stores a session; false if its secret is taken.
    async fn store(&self, new: &NewSession) -> Result<bool, AuthError> {
        let key = self.session_key(&new.secret);
        let mut set = redis::cmd("SET");
        set.arg(&key)
            .arg(pack(&new.record))
            .arg("NX")
            .arg("PX")
            .arg(keep(new.record.last_seen_at, new.record.expires_at));
        match self.link.send(&key, set).await? {
            Value::Okay => Ok(true),
            Value::Nil => Ok(false),
            _ => Err(unexpected_answer()),
        }
    }

    async fn get(&self, digest: &[u8; DIGEST]) -> Result<Option<Vec<u8>>, AuthError> {
        let key = key(&self.sessions, digest);
        match self.link.send(&key, Cmd::get(&key)).await? {
            Value::Nil => Ok(None),
            Value::BulkString(stored) => Ok(Some(stored)),
            _ => Err(unexpected_answer()),
        }
    }

    /// The head of a session; `None` if it is gone.
    async fn head(&self, digest: &[u8; DIGEST]) -> Result<Option<Head>, AuthError> {
        let key = key(&self.sessions, digest);
        let command = Cmd::getrange(&key, 0, isize::try_from(HEAD).unwrap_or(-1) - 1);
        match self.link.send(&key, command).await? {
            Value::Nil => Ok(None),
            Value::BulkString(head) if head.is_empty() => Ok(None),
            Value::BulkString(head) => Head::read(&head).map(Some).ok_or_else(unexpected_answer),
            _ => Err(unexpected_answer()),
        }
    }

    /// Removes a session; false if it was gone.
    async fn remove(&self, digest: &[u8; DIGEST]) -> Result<bool, AuthError> {
        let key = key(&self.sessions, digest);
        match self.link.send(&key, Cmd::del(&key)).await? {
            Value::Int(removed) => Ok(removed == 1),
            _ => Err(unexpected_answer()),
        }
    }

    /// Ends a session if it has the version, and is live.
    async fn end(
        &self,
        digest: &[u8; DIGEST],
        version: Option<u64>,
        now: Option<SystemTime>,
    ) -> Result<End, AuthError> {
        let key = key(&self.sessions, digest);
        let version = version.map(u64::to_be_bytes);
        let version = version.as_ref().map_or(&b""[..], |version| version);
        let now = now.map_or_else(String::new, |now| millis(now).to_string());
        let arguments = [version, now.as_bytes()];
        match self
            .link
            .run(&self.scripts.end, &[&key], &arguments)
            .await?
        {
            Value::Nil => Ok(End::Gone),
            Value::BulkString(head) => Ok(End::Ended(head)),
            Value::Array(stored) => match stored.into_iter().next() {
                Some(Value::BulkString(stored)) => Ok(End::Changed(stored)),
                _ => Err(unexpected_answer()),
            },
            _ => Err(unexpected_answer()),
        }
    }
}

/// What became of a session that was to end.
enum End {
    /// It has another version; this is what is stored.
    Changed(Vec<u8>),
    /// It has ended. This is its head.
    Ended(Vec<u8>),
    Gone,
}
