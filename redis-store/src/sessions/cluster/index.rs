//! The index of a user in a cluster: a hash of session ids, and a version that each change replaces.

use std::time::{Duration, SystemTime};

use auth_layer::AuthError;
use rand::RngExt as _;
use redis::{Value, cmd, from_redis_value};
use session_layer::SessionId;

use super::super::RedisSessions;
use super::enter::Replaced;
use crate::error::unexpected_answer;
use crate::keys::DIGEST;
use crate::time::millis;

/// How long a rotation may be between its old and its new session. What takes longer has crashed.
const REPLACING: Duration = Duration::from_secs(60);

/// How long whoever marked an entry may take to look whether others have ended it.
const HEARING: Duration = Duration::from_secs(60);

/// What is read of an index.
pub(super) struct Index {
    /// Changes with each change; empty if there is no index.
    pub(super) version: Vec<u8>,
    pub(super) entries: Vec<Entry>,
}

/// A session in the index.
pub(super) struct Entry {
    pub(super) id: Vec<u8>,
    pub(super) state: State,
    pub(super) digest: [u8; DIGEST],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is to end, and may not have ended yet. It is not listed and takes no place.
    Ending,
    /// It was to end, and a login has found it there at this time of the caller's in milliseconds and
    /// ended it for whoever marked it, who looks for this. As `Ending` otherwise.
    Found(u64),
    Live,
    /// A rotation has begun to replace it, at this time of the caller's in milliseconds.
    Replacing(u64),
}

impl Entry {
    pub(super) fn read(id: Vec<u8>, entry: &[u8]) -> Result<Self, AuthError> {
        let (letter, digest) = entry.split_first().ok_or_else(unexpected_answer)?;
        let (digest, rest) = digest
            .split_first_chunk::<DIGEST>()
            .ok_or_else(unexpected_answer)?;
        let since = || {
            let since = std::str::from_utf8(rest).ok();
            let since = since.and_then(|since| since.parse().ok());
            since.ok_or_else(unexpected_answer)
        };
        let state = match letter {
            b'E' => State::Ending,
            b'F' => State::Found(since()?),
            b'L' => State::Live,
            b'R' => State::Replacing(since()?),
            _ => return Err(unexpected_answer()),
        };
        Ok(Self {
            id,
            state,
            digest: *digest,
        })
    }

    pub(super) fn is_ending(&self) -> bool {
        matches!(self.state, State::Ending | State::Found(_))
    }

    /// Whether nobody looks any more who has ended it.
    pub(super) fn was_found_long_ago(&self, now: SystemTime) -> bool {
        let lasts = u64::try_from(HEARING.as_millis()).unwrap_or(u64::MAX);
        matches!(self.state, State::Found(since) if millis(now) >= since.saturating_add(lasts))
    }

    /// When a rotation that is under way at `now` has begun to replace it.
    pub(super) fn replaced_since(&self, now: SystemTime) -> Option<u64> {
        let lasts = u64::try_from(REPLACING.as_millis()).unwrap_or(u64::MAX);
        match self.state {
            State::Replacing(since) if millis(now) < since.saturating_add(lasts) => Some(since),
            _ => None,
        }
    }

    pub(super) fn session_id(&self) -> Result<SessionId, AuthError> {
        let id = std::str::from_utf8(&self.id)
            .ok()
            .and_then(|id| id.parse().ok());
        id.ok_or_else(unexpected_answer)
    }
}

/// One entry that changes.
pub(super) struct Change {
    id: Vec<u8>,
    /// What it must begin with; `*` for anything and nothing.
    from: Vec<u8>,
    /// What it becomes; empty if it is taken out.
    to: Vec<u8>,
}

impl Change {
    pub(super) fn add(id: &[u8], digest: &[u8; DIGEST]) -> Self {
        Self {
            id: id.to_vec(),
            from: b"*".to_vec(),
            to: letter(b'L', digest),
        }
    }

    /// From a letter to a letter.
    fn turn(id: &[u8], digest: &[u8; DIGEST], from: u8, to: u8) -> Self {
        Self {
            id: id.to_vec(),
            from: letter(from, digest),
            to: letter(to, digest),
        }
    }

    pub(super) fn mark_ending(entry: &Entry) -> Self {
        Self {
            id: entry.id.clone(),
            from: b"*".to_vec(),
            to: letter(b'E', &entry.digest),
        }
    }

    pub(super) fn mark_found(entry: &Entry, now: SystemTime) -> Self {
        let mut change = Self::turn(&entry.id, &entry.digest, b'E', b'F');
        let since = millis(now).to_string();
        change.to.extend_from_slice(since.as_bytes());
        change
    }

    pub(super) fn take_out(id: &[u8]) -> Self {
        Self {
            id: id.to_vec(),
            from: b"*".to_vec(),
            to: Vec::new(),
        }
    }

    pub(super) fn take_out_if(id: &[u8], digest: &[u8; DIGEST], is: u8) -> Self {
        Self {
            to: Vec::new(),
            ..Self::turn(id, digest, is, is)
        }
    }
}

fn letter(letter: u8, digest: &[u8; DIGEST]) -> Vec<u8> {
    [&[letter], &digest[..]].concat()
}

fn next_version() -> String {
    format!("{:016x}", rand::rng().random::<u64>())
}

/// Whether an index was changed.
pub(super) enum Changed {
    Yes(i64),
    /// It had another version by then; this is what it is.
    No(Index),
}

impl RedisSessions {
    pub(super) async fn read_index(&self, user: &[u8]) -> Result<Index, AuthError> {
        let key = self.index_key(user);
        let mut command = cmd("HGETALL");
        command.arg(&key);
        read(self.link.send(&key, command).await?)
    }

    /// Changes entries in one step: all, if the version is still the one given; without one, those that
    /// are what they must be.
    pub(super) async fn change_index(
        &self,
        user: &[u8],
        version: Option<&[u8]>,
        ttl: u64,
        changes: &[Change],
    ) -> Result<Changed, AuthError> {
        let key = self.index_key(user);
        let (next, ttl) = (next_version(), ttl.to_string());
        let mut arguments = vec![version.unwrap_or(b"*"), next.as_bytes(), ttl.as_bytes()];
        for change in changes {
            arguments.extend([&*change.id, &*change.from, &*change.to]);
        }
        match self
            .link
            .run(&self.scripts.index_change, &[&key], &arguments)
            .await?
        {
            Value::Int(changed) => Ok(Changed::Yes(changed)),
            other => read(other).map(Changed::No),
        }
    }

    /// Marks entries as ending, whatever else happens to the index; returns what they were.
    pub(super) async fn mark_ending(
        &self,
        user: &[u8],
        only: Option<SessionId>,
        except: Option<SessionId>,
    ) -> Result<Vec<Entry>, AuthError> {
        let key = self.index_key(user);
        let id = |id: Option<SessionId>| id.map_or_else(String::new, |id| id.to_string());
        let (next, only, except) = (next_version(), id(only), id(except));
        let arguments = [next.as_bytes(), only.as_bytes(), except.as_bytes()];
        let marked = self
            .link
            .run(&self.scripts.index_mark, &[&key], &arguments)
            .await?;
        read(marked).map(|index| index.entries)
    }

    /// Takes out a session that has ended.
    pub(super) async fn forget(
        &self,
        user: &[u8],
        id: &[u8],
        digest: &[u8; DIGEST],
    ) -> Result<(), AuthError> {
        let changes = [b'L', b'R'].map(|letter| Change::take_out_if(id, digest, letter));
        self.change_index(user, None, 0, &changes).await.map(|_| ())
    }

    /// Notes that a session is about to be replaced; false if it is ending, or is gone.
    pub(super) async fn mark_replaced(
        &self,
        user: &[u8],
        replaced: &Replaced,
        now: SystemTime,
    ) -> Result<bool, AuthError> {
        let changes = [b'L', b'R'].map(|from| {
            let mut change = Change::turn(&replaced.id, &replaced.digest, from, b'R');
            change
                .to
                .extend_from_slice(millis(now).to_string().as_bytes());
            change
        });
        let changed = self.change_index(user, None, 0, &changes).await?;
        Ok(matches!(changed, Changed::Yes(changed) if changed > 0))
    }

    /// It was not replaced.
    pub(super) async fn unmark_replaced(
        &self,
        user: &[u8],
        replaced: &Replaced,
    ) -> Result<(), AuthError> {
        let change = Change::turn(&replaced.id, &replaced.digest, b'R', b'L');
        self.change_index(user, None, 0, &[change])
            .await
            .map(|_| ())
    }
}

fn read(answer: Value) -> Result<Index, AuthError> {
    let fields: Vec<(Vec<u8>, Vec<u8>)> =
        from_redis_value(answer).map_err(|error| unexpected_answer().with_source(error))?;
    let mut index = Index {
        version: Vec::new(),
        entries: Vec::with_capacity(fields.len()),
    };
    for (id, entry) in fields {
        if id == b"v" {
            index.version = entry;
        } else {
            index.entries.push(Entry::read(id, &entry)?);
        }
    }
    Ok(index)
}
