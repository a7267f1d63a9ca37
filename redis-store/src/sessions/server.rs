//! Sessions where all keys are on one server: each method is one script, and one trip.

use auth_layer::{AuthError, SecretDigest};
use redis::Value;
use session_layer::{
    CreateOutcome, NewSession, RotateOutcome, SessionCap, SessionId, SessionRecord, UserKey,
    WhenFull,
};

use super::packed::{pack, unpack, user_text};
use super::{Changed, RedisSessions};
use crate::error::unexpected_answer;
use crate::keys::text;
use crate::time::{keep, millis};

impl RedisSessions {
    pub(super) async fn create_on_server(
        &self,
        session: &NewSession,
    ) -> Result<(CreateOutcome, Changed), AuthError> {
        let arguments = StoreArguments::new(self, session);
        let index = arguments.index.as_deref();
        let keys: Vec<_> = [Some(&*arguments.session), index]
            .into_iter()
            .flatten()
            .collect();
        let answer = self
            .link
            .run(&self.scripts.create, &keys, &arguments.slices())
            .await?;
        match word(&answer) {
            Some(b"collided") => Ok((CreateOutcome::Collided, Changed::NONE)),
            Some(b"full") => Ok((CreateOutcome::Full, Changed::NONE)),
            _ => {
                let ended = ended(answer)?;
                let evicted = ended.ids;
                Ok((CreateOutcome::Created { evicted }, ended.changed))
            }
        }
    }

    pub(super) async fn rotate_on_server(
        &self,
        old: &SecretDigest,
        version: Option<u64>,
        new: &NewSession,
    ) -> Result<(RotateOutcome, Changed), AuthError> {
        let arguments = StoreArguments::new(self, new);
        let old = self.session_key(old);
        let index = arguments.index.as_deref();
        let keys = [Some(&*old), Some(&*arguments.session), index];
        let keys: Vec<_> = keys.into_iter().flatten().collect();
        let version = version.map(u64::to_be_bytes);
        let mut slices = arguments.slices();
        slices.push(self.indexes.as_bytes());
        slices.push(version.as_ref().map_or(b"", |version| version));
        let answer = self.link.run(&self.scripts.rotate, &keys, &slices).await?;
        let outcome = match word(&answer) {
            Some(b"collided") => RotateOutcome::Collided,
            Some(b"full") => RotateOutcome::Full,
            Some(b"gone") => RotateOutcome::Gone,
            _ => {
                if let Some(stored) = changed(&answer) {
                    return Ok((
                        RotateOutcome::Changed(Box::new(unpack(stored)?)),
                        Changed::NONE,
                    ));
                }
                let ended = ended(answer)?;
                let evicted = ended.ids;
                return Ok((RotateOutcome::Rotated { evicted }, ended.changed));
            }
        };
        Ok((outcome, Changed::NONE))
    }

    pub(super) async fn delete_on_server(&self, secret: &SecretDigest) -> Result<bool, AuthError> {
        let session = self.session_key(secret);
        let indexes = self.indexes.as_bytes();
        match self
            .link
            .run(&self.scripts.delete, &[&session], &[indexes])
            .await?
        {
            Value::Int(ended) => Ok(ended == 1),
            _ => Err(unexpected_answer()),
        }
    }

    pub(super) async fn list_on_server(
        &self,
        user: &UserKey,
    ) -> Result<Vec<SessionRecord>, AuthError> {
        let index = self.index_key(&user_text(user));
        let sessions = self.sessions.as_bytes();
        let answer = self
            .link
            .run(&self.scripts.list, &[&index], &[sessions])
            .await?;
        let Value::Array(found) = answer else {
            return Err(unexpected_answer());
        };
        let found = found.into_iter().map(|session| match session {
            Value::BulkString(packed) => unpack(packed),
            _ => Err(unexpected_answer()),
        });
        found.collect()
    }

    /// Ends one session of a user, or all but one.
    pub(super) async fn delete_of_user_on_server(
        &self,
        user: &UserKey,
        only: Option<&SessionId>,
        except: Option<&SessionId>,
    ) -> Result<(Vec<SessionId>, Changed), AuthError> {
        let index = self.index_key(&user_text(user));
        let id = |id: Option<&SessionId>| id.map_or_else(String::new, SessionId::to_string);
        let (only, except) = (id(only), id(except));
        let arguments = [self.sessions.as_bytes(), only.as_bytes(), except.as_bytes()];
        let script = &self.scripts.delete_of_user;
        let ended = ended(self.link.run(script, &[&index], &arguments).await?)?;
        Ok((ended.ids, ended.changed))
    }
}

/// What it takes to store a session and to put it into its user's index.
struct StoreArguments {
    session: Vec<u8>,
    index: Option<Vec<u8>>,
    arguments: [Vec<u8>; 9],
}

impl StoreArguments {
    fn new(sessions: &RedisSessions, new: &NewSession) -> Self {
        let record = &new.record;
        let now = record.last_seen_at;
        let number = |number: u64| number.to_string().into_bytes();
        let (max, evict) = cap(new.cap);
        Self {
            session: sessions.session_key(&new.secret),
            index: record
                .user()
                .map(|user| sessions.index_key(&user_text(&user))),
            arguments: [
                pack(record),
                number(keep(now, record.expires_at)),
                sessions.sessions.as_bytes().to_vec(),
                number(millis(now)),
                record.id.to_string().into_bytes(),
                text(new.secret.as_bytes()).to_vec(),
                // As long as any of its sessions could live, however much they are used: so a touch
                // need not write to it.
                number(keep(now, record.ends_at)),
                number(u64::from(max)),
                number(u64::from(evict)),
            ],
        }
    }

    fn slices(&self) -> Vec<&[u8]> {
        self.arguments.iter().map(Vec::as_slice).collect()
    }
}

/// How many sessions there may be, 0 for any number, and whether to evict.
fn cap(cap: Option<SessionCap>) -> (u32, bool) {
    cap.map_or((0, false), |cap| {
        (cap.max.max(1), cap.when_full == WhenFull::EvictOldest)
    })
}

fn word(answer: &Value) -> Option<&[u8]> {
    match answer {
        Value::BulkString(word) => Some(word),
        Value::SimpleString(word) => Some(word.as_bytes()),
        _ => None,
    }
}

/// The session in an answer "changed".
fn changed(answer: &Value) -> Option<Vec<u8>> {
    match answer {
        Value::Array(parts) => match &parts[..] {
            [first, Value::BulkString(stored)] if word(first) == Some(b"changed") => {
                Some(stored.clone())
            }
            _ => None,
        },
        _ => None,
    }
}

struct Ended {
    ids: Vec<SessionId>,
    changed: Changed,
}

/// Ids and digests, by turns.
fn ended(answer: Value) -> Result<Ended, AuthError> {
    let Value::Array(parts) = answer else {
        return Err(unexpected_answer());
    };
    let mut ids = Vec::with_capacity(parts.len() / 2);
    let mut digests = Vec::with_capacity(parts.len() / 2);
    for pair in parts.chunks(2) {
        let [id, digest] = pair else {
            return Err(unexpected_answer());
        };
        let id = word(id).and_then(|id| std::str::from_utf8(id).ok()?.parse().ok());
        ids.push(id.ok_or_else(unexpected_answer)?);
        let digest = word(digest).and_then(super::digest_from_text);
        digests.push(digest.ok_or_else(unexpected_answer)?);
    }
    Ok(Ended {
        ids,
        changed: Changed(digests),
    })
}
