//! What was taken back.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use auth_layer::{AuthError, IssuedToken, Revocations, SharedClock, SubjectRevocation};
use futures_util::future::try_join_all;
use redis::{Cmd, Value};

use crate::error::unexpected_answer;
use crate::keys::{Prefix, digest_of, key};
use crate::link::Link;
use crate::script::Script;
use crate::time::keep;

/// [`Revocations`] on Redis, from [`RedisStore::revocations`](crate::RedisStore::revocations). Cheap
/// to clone.
///
/// A question is one trip: one `MGET`, or up to four `GET`s side by side in a cluster.
#[derive(Clone, Debug)]
pub struct RedisRevocations {
    link: Link,
    clock: SharedClock,
    scripts: Arc<Scripts>,
    tokens: Arc<str>,
    subjects: Arc<str>,
}

#[derive(Debug)]
struct Scripts {
    revoke_token: Script,
    revoke_subject: Script,
}

impl RedisRevocations {
    pub(crate) fn new(link: Link, clock: SharedClock, prefix: &Prefix) -> Self {
        Self {
            link,
            clock,
            scripts: Arc::new(Scripts {
                revoke_token: Script::new(include_str!("lua/revoke_token.lua")),
                revoke_subject: Script::new(include_str!("lua/revoke_subject.lua")),
            }),
            tokens: prefix.of("token").into(),
            subjects: prefix.of("subject").into(),
        }
    }

    fn token_key(&self, issuer: &str, token_id: &str) -> Vec<u8> {
        key(&self.tokens, &digest_of(&[Some(issuer), Some(token_id)]))
    }

    fn subject_key(&self, issuer: Option<&str>, tenant: Option<&str>, subject: &str) -> Vec<u8> {
        key(&self.subjects, &digest_of(&[issuer, tenant, Some(subject)]))
    }

    /// The values of keys, in one trip.
    async fn get_all(&self, keys: &[Vec<u8>]) -> Result<Vec<Value>, AuthError> {
        if self.link.is_partitioned() {
            let get = keys.iter().map(|key| self.link.send(key, Cmd::get(key)));
            return try_join_all(get).await;
        }
        let first = keys.first().map_or(&[][..], Vec::as_slice);
        match self.link.send(first, Cmd::mget(keys)).await? {
            Value::Array(values) if values.len() == keys.len() => Ok(values),
            _ => Err(unexpected_answer()),
        }
    }

    async fn store(
        &self,
        script: &Script,
        key: &[u8],
        arguments: &[&[u8]],
    ) -> Result<(), AuthError> {
        match self.link.run(script, &[key], arguments).await? {
            Value::Int(1) => Ok(()),
            _ => Err(unexpected_answer()),
        }
    }

    /// For how long to keep what has ended at `until`.
    fn ttl(&self, until: SystemTime) -> String {
        keep(self.clock.now(), until).to_string()
    }
}

impl Revocations for RedisRevocations {
    async fn is_revoked(&self, token: &IssuedToken<'_>) -> Result<bool, AuthError> {
        let mut keys = vec![self.subject_key(token.issuer, None, token.subject)];
        if token.tenant.is_some() {
            keys.push(self.subject_key(token.issuer, token.tenant, token.subject));
        }
        let instants = keys.len();
        if let Some(issuer) = token.issuer {
            let ids = token.token_id.into_iter().chain(token.session_id);
            keys.extend(ids.map(|id| self.token_key(issuer, id)));
        }
        let values = self.get_all(&keys).await?;
        let issued_at = instant(token.issued_at);
        for (index, value) in values.into_iter().enumerate() {
            match value {
                Value::Nil => {}
                Value::BulkString(_) if index >= instants => return Ok(true),
                // Big-endian numbers of the same length compare as numbers.
                Value::BulkString(until) if until.len() == issued_at.len() => {
                    if issued_at[..] <= until[..] {
                        return Ok(true);
                    }
                }
                _ => return Err(unexpected_answer()),
            }
        }
        Ok(false)
    }

    async fn revoke_token(
        &self,
        issuer: &str,
        token_id: &str,
        until: SystemTime,
    ) -> Result<(), AuthError> {
        let key = self.token_key(issuer, token_id);
        let ttl = self.ttl(until);
        self.store(&self.scripts.revoke_token, &key, &[ttl.as_bytes()])
            .await
    }

    async fn revoke_subject(&self, revocation: &SubjectRevocation<'_>) -> Result<(), AuthError> {
        let key = self.subject_key(revocation.issuer, revocation.tenant, revocation.subject);
        let (instant, ttl) = (instant(revocation.issued_until), self.ttl(revocation.until));
        let arguments = [&instant[..], ttl.as_bytes()];
        self.store(&self.scripts.revoke_subject, &key, &arguments)
            .await
    }
}

/// Seconds and nanoseconds since 1970. Not milliseconds: what was issued just before the instant must
/// not come to lie after it.
fn instant(time: SystemTime) -> [u8; 12] {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&since.as_secs().to_be_bytes());
    bytes[8..].copy_from_slice(&since.subsec_nanos().to_be_bytes());
    bytes
}
