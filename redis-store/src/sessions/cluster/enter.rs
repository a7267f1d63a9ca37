//! Entering a session into the index of its user.

use std::time::{Duration, SystemTime};

use auth_layer::AuthError;
use futures_util::future::try_join_all;
use futures_util::try_join;
use rand::RngExt as _;
use session_layer::{NewSession, RotateOutcome, SessionId, WhenFull};
use tokio::time::sleep;

use super::super::RedisSessions;
use super::index::{Change, Changed, Entry, Index};
use crate::keys::{DIGEST, text};
use crate::time::{keep, millis};

/// How often others may come first. Each time one of them has got on.
const TRIES: u32 = 200;

/// From how many entries on an index is searched for dead ones though there is no cap.
const SEARCHED: usize = 64;

/// A session of the same user that the new one takes the place of.
pub(super) struct Replaced {
    pub(super) id: Vec<u8>,
    pub(super) digest: [u8; DIGEST],
}

/// What became of it.
pub(super) enum Entered {
    Collided,
    Full,
    /// The session to be replaced is ending, or is gone.
    Gone,
    Yes {
        evicted: Vec<SessionId>,
    },
}

impl Entered {
    pub(super) fn into_rotate_outcome(self) -> RotateOutcome {
        match self {
            Self::Collided => RotateOutcome::Collided,
            Self::Full => RotateOutcome::Full,
            Self::Gone => RotateOutcome::Gone,
            Self::Yes { evicted } => RotateOutcome::Rotated { evicted },
        }
    }
}

/// What is to be done with the other entries.
#[derive(Default)]
pub(super) struct Plan<'a> {
    /// Their sessions are gone.
    dead: Vec<&'a Entry>,
    /// They were to end already, and whoever began it may have crashed.
    ending: Vec<&'a Entry>,
    evicted: Vec<&'a Entry>,
}

impl RedisSessions {
    /// Looks whether there is room for `new`, and what must end for it.
    pub(super) async fn look<'a>(
        &self,
        index: &'a Index,
        new: &NewSession,
        replaced: Option<&Replaced>,
    ) -> Result<Result<Plan<'a>, Entered>, AuthError> {
        let now = new.record.last_seen_at;
        let id = new.record.id.to_string();
        let mut plan = Plan::default();
        let mut others = Vec::new();
        let mut replaced_is_there = false;
        for entry in &index.entries {
            if replaced.is_some_and(|replaced| replaced.id == entry.id) {
                replaced_is_there = !entry.is_ending()
                    && replaced.is_some_and(|replaced| replaced.digest == entry.digest);
            } else if entry.is_ending() {
                plan.ending.push(entry);
            } else {
                others.push(entry);
            }
        }
        if replaced.is_some() && !replaced_is_there {
            return Ok(Err(Entered::Gone));
        }
        // Without a cap only a taken id matters, and that the index does not grow for ever.
        if new.cap.is_none() && others.len() < SEARCHED {
            others.retain(|entry| entry.id == id.as_bytes());
        }
        let heads = try_join_all(others.iter().map(|entry| self.head(&entry.digest))).await?;
        let mut live = Vec::new();
        for (entry, head) in others.into_iter().zip(heads) {
            // What is being replaced lives on under another secret.
            let since = entry.replaced_since(now);
            match head.map(|head| (head.seen, head.expires)) {
                None if since.is_none() => {
                    plan.dead.push(entry);
                    continue;
                }
                None => live.extend(since.map(|since| (since, entry))),
                Some((seen, expires)) if millis(now) < expires => live.push((seen, entry)),
                Some(_) => {}
            }
            if entry.id == id.as_bytes() {
                return Ok(Err(Entered::Collided));
            }
        }
        let Some(cap) = new.cap else {
            return Ok(Ok(plan));
        };
        let room = usize::try_from(cap.max.max(1)).unwrap_or(usize::MAX) - 1;
        let excess = live.len().saturating_sub(room);
        if excess > 0 && cap.when_full == WhenFull::Refuse {
            return Ok(Err(Entered::Full));
        }
        live.sort_by(|left, right| (left.0, &left.1.id).cmp(&(right.0, &right.1.id)));
        plan.evicted = live[..excess].iter().map(|(_, entry)| *entry).collect();
        Ok(Ok(plan))
    }

    /// Enters a session that is stored, in one step with the decision that there is room; then ends
    /// what it takes the place of.
    pub(super) async fn enter(
        &self,
        user: &[u8; DIGEST],
        mut index: Index,
        new: &NewSession,
        replaced: Option<&Replaced>,
    ) -> Result<Entered, AuthError> {
        let record = &new.record;
        let ttl = keep(record.last_seen_at, record.ends_at);
        let (id, digest) = (record.id.to_string(), text(new.secret.as_bytes()));
        for n in 0..TRIES {
            let plan = match self.look(&index, new, replaced).await? {
                Ok(plan) => plan,
                Err(refused) => return Ok(refused),
            };
            let mut changes: Vec<_> = plan
                .dead
                .iter()
                .map(|entry| Change::take_out(&entry.id))
                .collect();
            changes.extend(plan.evicted.iter().map(|entry| Change::mark_ending(entry)));
            changes.extend(replaced.map(|replaced| Change::take_out(&replaced.id)));
            changes.push(Change::add(id.as_bytes(), &digest));
            let version = Some(&*index.version);
            match self.change_index(user, version, ttl, &changes).await? {
                Changed::Yes(_) => return self.evict(user, plan, record.last_seen_at).await,
                Changed::No(newer) => index = newer,
            }
            // Others log this user in at the same time; let them finish.
            let pause = rand::rng().random_range(0..=u64::from(n.min(10)));
            sleep(Duration::from_millis(pause)).await;
        }
        Err(AuthError::unavailable("redis_index_contended"))
    }

    async fn evict(
        &self,
        user: &[u8; DIGEST],
        plan: Plan<'_>,
        now: SystemTime,
    ) -> Result<Entered, AuthError> {
        let marked: Vec<_> = plan
            .evicted
            .iter()
            .map(|entry| Entry {
                id: entry.id.clone(),
                ..**entry
            })
            .collect();
        let (evicted, ()) = try_join!(
            self.end_marked(user, &marked),
            self.end_for_others(user, &plan.ending, now)
        )?;
        Ok(Entered::Yes { evicted })
    }
}
