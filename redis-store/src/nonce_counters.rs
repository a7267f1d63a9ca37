//! How often nonces were used.

use std::sync::Arc;
use std::time::SystemTime;

use auth_layer::digest::{NonceCounters, NonceId};
use auth_layer::{AuthError, SharedClock};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redis::Value;

use crate::error::unexpected_answer;
use crate::keys::{Prefix, key};
use crate::link::Link;
use crate::script::Script;
use crate::time::keep;

/// [`NonceCounters`] of HTTP Digest on Redis, from
/// [`RedisStore::nonce_counters`](crate::RedisStore::nonce_counters). Cheap to clone.
///
/// Redis must not evict keys (`maxmemory-policy noeviction`): what it forgets could be replayed.
#[derive(Clone, Debug)]
pub struct RedisNonceCounters {
    link: Link,
    clock: SharedClock,
    advance: Arc<Script>,
    nonces: Arc<str>,
}

impl RedisNonceCounters {
    pub(crate) fn new(link: Link, clock: SharedClock, prefix: &Prefix) -> Self {
        Self {
            link,
            clock,
            advance: Arc::new(Script::new(include_str!("lua/advance.lua"))),
            nonces: prefix.of("nonce").into(),
        }
    }
}

impl NonceCounters for RedisNonceCounters {
    async fn advance(
        &self,
        nonce: NonceId,
        count: u32,
        expires_at: SystemTime,
    ) -> Result<bool, AuthError> {
        let now = self.clock.now();
        if count == 0 || expires_at <= now {
            return Ok(false);
        }
        let key = key(
            &self.nonces,
            URL_SAFE_NO_PAD.encode(nonce.as_bytes()).as_bytes(),
        );
        let (count, ttl) = (count.to_string(), keep(now, expires_at).to_string());
        let arguments = [count.as_bytes(), ttl.as_bytes()];
        match self.link.run(&self.advance, &[&key], &arguments).await? {
            Value::Int(raised) => Ok(raised == 1),
            _ => Err(unexpected_answer()),
        }
    }
}
