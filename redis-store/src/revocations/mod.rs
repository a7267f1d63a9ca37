//! What was taken back.

mod local;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use auth_layer::{
    AuthError, ConfigError, IssuedToken, Revocations, SharedClock, SubjectRevocation,
};
use futures_util::future::try_join_all;
use redis::{Cmd, Value};

use self::local::Local;
pub use self::local::LocalRevocations;
use crate::error::unexpected_answer;
use crate::keys::{Prefix, key, raw_digest_of, text};
use crate::link::Link;
use crate::script::Script;
use crate::time::keep;

/// [`Revocations`] on Redis, from [`RedisStore::revocations`](crate::RedisStore::revocations). Cheap
/// to clone.
///
/// A question is one trip: one `MGET`, or up to four `GET`s side by side in a cluster; and none with a
/// [local copy](Self::local_copy).
#[derive(Clone, Debug)]
pub struct RedisRevocations {
    link: Link,
    clock: SharedClock,
    scripts: Arc<Scripts>,
    prefix: Prefix,
    tokens: Arc<str>,
    subjects: Arc<str>,
    local: Option<Local>,
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
                revoke_token: Script::new(include_str!("../lua/revoke_token.lua")),
                revoke_subject: Script::new(include_str!("../lua/revoke_subject.lua")),
            }),
            tokens: prefix.of("token").into(),
            subjects: prefix.of("subject").into(),
            prefix: prefix.clone(),
            local: None,
        }
    }

    /// Answers from memory, with a copy of all revocations that Redis keeps fresh: see
    /// [`LocalRevocations`]. Clones share it. It is made when the first question comes.
    ///
    /// # Errors
    ///
    /// Refuses a cluster, and a copy of nothing.
    pub fn local_copy(mut self, options: LocalRevocations) -> Result<Self, ConfigError> {
        self.local = Some(Local::new(options, self.link.clone(), &self.prefix)?);
        Ok(self)
    }

    fn key(&self, id: &Id) -> Vec<u8> {
        id.key(match id.kind {
            Kind::Token => &self.tokens,
            Kind::Subject => &self.subjects,
        })
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
    fn check_now(&self, token: &IssuedToken<'_>) -> Option<bool> {
        self.local.as_ref()?.check(token)
    }

    async fn is_revoked(&self, token: &IssuedToken<'_>) -> Result<bool, AuthError> {
        if let Some(local) = &self.local {
            local.begin();
        }
        let ids: Vec<_> = Id::all(token).collect();
        let keys: Vec<_> = ids.iter().map(|id| self.key(id)).collect();
        let values = self.get_all(&keys).await?;
        let issued_at = instant(token.issued_at);
        for (id, value) in ids.iter().zip(values) {
            match value {
                Value::Nil => {}
                Value::BulkString(_) if id.kind == Kind::Token => return Ok(true),
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
        let id = Id::token(issuer, token_id);
        let key = self.key(&id);
        let _writing = self.local.as_ref().map(|local| local.writing(id));
        let ttl = self.ttl(until);
        self.store(&self.scripts.revoke_token, &key, &[ttl.as_bytes()])
            .await
    }

    async fn revoke_subject(&self, revocation: &SubjectRevocation<'_>) -> Result<(), AuthError> {
        let id = Id::subject(revocation.issuer, revocation.tenant, revocation.subject);
        let key = self.key(&id);
        let _writing = self.local.as_ref().map(|local| local.writing(id));
        let (instant, ttl) = (instant(revocation.issued_until), self.ttl(revocation.until));
        let arguments = [&instant[..], ttl.as_bytes()];
        self.store(&self.scripts.revoke_subject, &key, &arguments)
            .await
    }
}

/// What is revoked: a token or a session by its id, or a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Id {
    kind: Kind,
    digest: [u8; 32],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Token,
    Subject,
}

impl Kind {
    /// What keys of this kind are called.
    const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Subject => "subject",
        }
    }
}

impl Id {
    fn token(issuer: &str, id: &str) -> Self {
        Self {
            kind: Kind::Token,
            digest: raw_digest_of(&[Some(issuer), Some(id)]),
        }
    }

    fn subject(issuer: Option<&str>, tenant: Option<&str>, subject: &str) -> Self {
        Self {
            kind: Kind::Subject,
            digest: raw_digest_of(&[issuer, tenant, Some(subject)]),
        }
    }

    /// All that may revoke `token`: at most four.
    fn all<'a>(token: &'a IssuedToken<'_>) -> impl Iterator<Item = Self> + use<'a> {
        let (issuer, subject) = (token.issuer, token.subject);
        let anywhere = Self::subject(issuer, None, subject);
        let there = token
            .tenant
            .map(|tenant| Self::subject(issuer, Some(tenant), subject));
        let ids = token.token_id.into_iter().chain(token.session_id);
        let by_id = issuer
            .into_iter()
            .flat_map(move |issuer| ids.clone().map(move |id| Self::token(issuer, id)));
        std::iter::once(anywhere).chain(there).chain(by_id)
    }

    fn key(&self, beginning: &str) -> Vec<u8> {
        key(beginning, &text(&self.digest))
    }
}

/// A time as it is stored.
type Instant = [u8; 12];

/// Seconds and nanoseconds since 1970. Not milliseconds: what was issued just before the instant must
/// not come to lie after it.
fn instant(time: SystemTime) -> Instant {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&since.as_secs().to_be_bytes());
    bytes[8..].copy_from_slice(&since.subsec_nanos().to_be_bytes());
    bytes
}
