//! What was used.

use std::sync::Arc;
use std::time::SystemTime;

use auth_layer::{AuthError, SingleUse, SingleUseKey};
use redis::{Value, cmd};

use crate::error::unexpected_answer;
use crate::keys::{Prefix, key, text};
use crate::link::Link;
use crate::time::keep;

/// [`SingleUse`] on Redis, from [`RedisStore::single_use`](crate::RedisStore::single_use). Cheap to
/// clone.
///
/// A claim is one command. Redis must not evict keys (`maxmemory-policy noeviction`): what it forgets
/// could be used again.
#[derive(Clone, Debug)]
pub struct RedisSingleUse {
    link: Link,
    used: Arc<str>,
}

impl RedisSingleUse {
    pub(crate) fn new(link: Link, prefix: &Prefix) -> Self {
        Self {
            link,
            used: prefix.of("used").into(),
        }
    }
}

impl SingleUse for RedisSingleUse {
    async fn claim(
        &self,
        name: &SingleUseKey,
        until: SystemTime,
        now: SystemTime,
    ) -> Result<bool, AuthError> {
        if until <= now {
            return Ok(false);
        }
        let key = key(&self.used, &text(name.as_bytes()));
        let mut set = cmd("SET");
        set.arg(&key)
            .arg("1")
            .arg("NX")
            .arg("PX")
            .arg(keep(now, until));
        match self.link.send(&key, set).await? {
            Value::Okay => Ok(true),
            Value::Nil => Ok(false),
            _ => Err(unexpected_answer()),
        }
    }
}
