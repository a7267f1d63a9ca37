//! News of changed API keys.

mod heard;
mod outbox;

use std::fmt;
use std::sync::Arc;

use apikey_layer::{KeyChange, KeyChanges, KeyListener, OwnerDigest, SharedKeyChanges};
use auth_layer::ConfigError;

use self::heard::Heard;
use self::outbox::Outbox;
use crate::keys::{Prefix, key, text};
use crate::link::Link;
use crate::sessions::digest_from_text;
use crate::tracking::{Source, Tracking};

/// [`KeyChanges`] over Redis, from [`RedisStore::key_changes`](crate::RedisStore::key_changes): what
/// one node changes about API keys and their owners is forgotten by the others a trip later, wherever
/// the keys themselves are kept. Cheap to clone.
///
/// - To announce is to set a key that ends after a second. Redis says so to all nodes (`CLIENT TRACKING`
///   in its broadcasting mode, Redis 6 or later), once when it is set and once more when it ends: a node
///   that has read in between what was being changed forgets that too.
/// - Announcing takes no time from the change: it is done in the background. What could not be announced
///   is logged, and everything is announced as changed as soon as Redis is back.
/// - The connection that brings the news is asked twice a second whether it lives. When it is closed, or
///   does not answer, everything that was remembered is forgotten, and again when it is back; in
///   between a change takes effect after the age, as it does without news.
/// - It needs a [`redis::Client`] of its own, for the same server and database as the pool, which is
///   checked. It connects at the first question about a key.
/// - It does not work with a cluster, whose nodes each tell of their own keys only.
#[derive(Clone)]
pub struct RedisKeyChanges {
    heard: Arc<Heard>,
    tracking: Tracking<Heard>,
    outbox: Arc<Outbox>,
}

impl RedisKeyChanges {
    pub(crate) fn new(source: Source, link: Link, prefix: &Prefix) -> Result<Self, ConfigError> {
        if link.is_partitioned() {
            let problem = "works with one server or behind a sentinel, not with a cluster";
            return Err(ConfigError::new("key_changes", problem));
        }
        let names = Names::new(prefix);
        let heard = Arc::new(Heard::new(names.clone(), link.epoch().clone()));
        let tracking = Tracking::new(source, link.clone(), Arc::clone(&heard), prefix);
        Ok(Self {
            heard,
            tracking,
            outbox: Arc::new(Outbox::new(names, link)),
        })
    }

    /// Whether news is heard now; if not, changes take effect after the age. For health checks and
    /// metrics.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.heard.is_on()
    }
}

impl KeyChanges for RedisKeyChanges {
    fn announce(&self, change: KeyChange) {
        self.outbox.announce(change);
    }

    fn listen(&self, listener: KeyListener) {
        self.heard.listen(listener);
    }

    fn attend(&self) {
        self.tracking.run();
    }
}

impl From<RedisKeyChanges> for SharedKeyChanges {
    fn from(changes: RedisKeyChanges) -> Self {
        Self::new(changes)
    }
}

impl fmt::Debug for RedisKeyChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisKeyChanges")
            .field("is_heard", &self.is_heard())
            .finish_non_exhaustive()
    }
}

/// What changes are called in Redis.
#[derive(Clone)]
struct Names {
    beginning: Arc<str>,
}

impl Names {
    fn new(prefix: &Prefix) -> Self {
        Self {
            beginning: prefix.of("keychange").into(),
        }
    }

    fn of(&self, change: &KeyChange) -> Vec<u8> {
        let what = match change {
            KeyChange::Key(id) => [b"key:", id.as_str().as_bytes()].concat(),
            KeyChange::Owner(owner) => key("owner:", &text(owner.as_bytes())),
            // Whatever else there may be one day, this says enough.
            _ => b"all".to_vec(),
        };
        key(&self.beginning, &what)
    }

    /// `None` if the name is none of ours.
    fn change(&self, name: &[u8]) -> Option<KeyChange> {
        let what = name.strip_prefix(self.beginning.as_bytes())?;
        let known = if let Some(id) = what.strip_prefix(b"key:") {
            let id = std::str::from_utf8(id).ok().and_then(|id| id.parse().ok());
            id.map(KeyChange::Key)
        } else if let Some(owner) = what.strip_prefix(b"owner:") {
            let digest = digest_from_text(owner);
            digest.map(|digest| KeyChange::Owner(OwnerDigest::from_bytes(*digest.as_bytes())))
        } else {
            None
        };
        // What a later version may say that this one does not know.
        Some(known.unwrap_or(KeyChange::All))
    }
}

#[cfg(test)]
mod tests {
    use apikey_layer::Owner;

    use super::*;

    #[test]
    fn a_change_is_read_from_its_name() {
        let names = Names::new(&Prefix::default());
        let id = "0123456789aZ".parse().expect("an id");
        for change in [
            KeyChange::All,
            KeyChange::Key(id),
            KeyChange::Owner(OwnerDigest::of(&Owner::new("ann"))),
        ] {
            assert_eq!(names.change(&names.of(&change)), Some(change));
        }
        for (name, change) in [
            ("auth:keychange:key:0123456789a", Some(KeyChange::All)),
            ("auth:keychange:owner:AAAA", Some(KeyChange::All)),
            ("auth:keychange:other", Some(KeyChange::All)),
            ("auth:keychange:", Some(KeyChange::All)),
            ("auth:keychange", None),
            ("auth:probe:x", None),
            ("", None),
        ] {
            assert_eq!(names.change(name.as_bytes()), change, "{name}");
        }
        assert_eq!(
            names.change(b"auth:keychange:key:\xff"),
            Some(KeyChange::All)
        );
    }
}
