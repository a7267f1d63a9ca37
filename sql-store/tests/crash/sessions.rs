//! Sessions that come, go on and go.

use std::collections::BTreeMap;
use std::time::SystemTime;

use auth_layer::{Identity, SecretDigest, random_bytes};
use session_layer::{
    CreateOutcome, NewSession, RotateOutcome, SessionBackend as _, SessionId, SessionLimits,
    SessionRecord, UserKey,
};
use sql_store::{SqlSessions, SqlStore};

use super::{Load, TASKS, hex, secret};

pub(super) struct Sessions;

impl Load for Sessions {
    async fn run(store: SqlStore, task: usize, tell: impl Fn(String) + Send + Sync) {
        come_and_go(store.sessions(), task, tell).await;
    }

    async fn check(store: &SqlStore, told: &[String]) {
        check_sessions(&store.sessions(), told).await;
    }
}

fn user(task: usize) -> Identity {
    Identity::new("session", format!("user-{task}"))
}

fn session(task: usize) -> NewSession {
    let secret = SecretDigest::from_bytes(random_bytes().unwrap());
    with_secret(task, secret)
}

fn with_secret(task: usize, secret: SecretDigest) -> NewSession {
    let id = SessionId::from_bytes(random_bytes().unwrap());
    let mut record = SessionRecord::new(id, SystemTime::now(), SessionLimits::STRICT);
    record.login = Some(user(task));
    NewSession::new(secret, record)
}

/// Logs in, rotates three times, logs out in one of three ways, and again, until the store fails. Tells
/// what it is about to do, and what was acknowledged.
async fn come_and_go(sessions: SqlSessions, task: usize, tell: impl Fn(String)) {
    let key = UserKey::from(&user(task));
    for round in 0.. {
        let mut live = session(task);
        tell(format!("{task} begin create {}", hex(&live.secret)));
        let Ok(created) = sessions.create(live.clone()).await else {
            return;
        };
        assert!(matches!(created, CreateOutcome::Created { .. }));
        tell(format!("{task} done"));
        for _ in 0..3 {
            let next = session(task);
            tell(format!(
                "{task} begin rotate {} {}",
                hex(&live.secret),
                hex(&next.secret)
            ));
            let Ok(rotated) = sessions.rotate(&live.secret, None, next.clone()).await else {
                return;
            };
            assert!(
                matches!(rotated, RotateOutcome::Rotated { .. }),
                "{rotated:?}"
            );
            tell(format!("{task} done"));
            live = next;
        }
        tell(format!("{task} begin end {}", hex(&live.secret)));
        let ended = match round % 3 {
            0 => sessions.delete(&live.secret).await,
            1 => sessions.delete_by_id(&key, &live.record.id).await,
            _ => sessions
                .delete_all(&key, None)
                .await
                .map(|ended| ended.len() == 1),
        };
        match ended {
            Ok(ended) => assert!(ended),
            Err(_) => return,
        }
        tell(format!("{task} done"));
    }
}

/// What must be there of one task, by what it told.
#[derive(Default)]
struct Expected {
    live: Option<String>,
    dead: Vec<String>,
    /// Begun, and not acknowledged.
    pending: Option<Vec<String>>,
}

impl Expected {
    fn hear(&mut self, words: &[&str]) {
        if words[0] == "begin" {
            self.pending = Some(words[1..].iter().map(|word| (*word).to_owned()).collect());
            return;
        }
        let done = self.pending.take().unwrap();
        self.dead.extend(self.live.take());
        match &*done[0] {
            "create" => self.live = Some(done[1].clone()),
            "rotate" => self.live = Some(done[2].clone()),
            _ => {}
        }
    }
}

async fn check_sessions(sessions: &SqlSessions, told: &[String]) {
    let mut tasks: BTreeMap<usize, Expected> = BTreeMap::new();
    for line in told {
        let words: Vec<_> = line.split(' ').collect();
        let expected = tasks.entry(words[0].parse().unwrap()).or_default();
        expected.hear(&words[1..]);
    }
    assert_eq!(tasks.len(), TASKS);
    for (task, expected) in tasks {
        let is_found = async |hex: &str| sessions.find(&secret(hex)).await.unwrap().is_some();
        for dead in &expected.dead {
            assert!(!is_found(dead).await, "task {task}: {dead} was ended");
        }
        let found = match expected.pending.as_deref() {
            None => {
                if let Some(live) = &expected.live {
                    assert!(is_found(live).await, "task {task}: {live} is lost");
                }
                usize::from(expected.live.is_some())
            }
            Some([kind, old, new]) if kind == "rotate" => {
                let (old, new) = (is_found(old).await, is_found(new).await);
                assert!(old != new, "task {task}: half a rotation, {old} and {new}");
                1
            }
            Some([_, secret]) => usize::from(is_found(secret).await),
            Some(other) => panic!("{other:?}"),
        };
        let listed = sessions.list(&UserKey::from(&user(task))).await.unwrap();
        assert_eq!(listed.len(), found, "task {task}");
        // What is there works.
        for record in listed {
            let key = UserKey::from(&user(task));
            assert!(sessions.delete_by_id(&key, &record.id).await.unwrap());
        }
    }
}
