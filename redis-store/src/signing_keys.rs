//! Rings of signing keys.

use std::sync::Arc;

use auth_layer::AuthError;
use jwt_layer::SigningKeyStore;
use redis::{Cmd, Value};

use crate::error::unexpected_answer;
use crate::keys::{Prefix, digest_of, key};
use crate::link::Link;
use crate::script::Script;

/// [`SigningKeyStore`] on Redis, from [`RedisStore::signing_keys`](crate::RedisStore::signing_keys).
/// Cheap to clone.
///
/// The keys of these documents are the only ones without a TTL. A Redis that may lose its last writes
/// (a failover, or no `appendonly`) may lose a rotation or the revocation of a key: where that must not
/// be, keep signing keys in SQL.
#[derive(Clone, Debug)]
pub struct RedisSigningKeys {
    link: Link,
    replace: Arc<Script>,
    rings: Arc<str>,
}

impl RedisSigningKeys {
    pub(crate) fn new(link: Link, prefix: &Prefix) -> Self {
        let replace = Script::new(include_str!("lua/replace_signing_keys.lua"));
        Self {
            link,
            replace: Arc::new(replace),
            rings: prefix.of("signing").into(),
        }
    }

    fn key(&self, ring: &str) -> Vec<u8> {
        key(&self.rings, &digest_of(&[Some(ring)]))
    }
}

impl SigningKeyStore for RedisSigningKeys {
    async fn load(&self, ring: &str) -> Result<Option<Vec<u8>>, AuthError> {
        let key = self.key(ring);
        match self.link.send(&key, Cmd::get(&key)).await? {
            Value::Nil => Ok(None),
            Value::BulkString(document) => Ok(Some(document)),
            _ => Err(unexpected_answer()),
        }
    }

    async fn replace(
        &self,
        ring: &str,
        expected: Option<&[u8]>,
        document: &[u8],
    ) -> Result<bool, AuthError> {
        let key = self.key(ring);
        let mut arguments = vec![document];
        arguments.extend(expected);
        match self.link.run(&self.replace, &[&key], &arguments).await? {
            Value::Int(replaced) => Ok(replaced == 1),
            _ => Err(unexpected_answer()),
        }
    }
}
