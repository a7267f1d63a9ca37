//! Crashes in the middle of logins, rotations and logouts: what was acknowledged stays, and what was
//! not is there as a whole or not at all.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use auth_layer::{Identity, SecretDigest, random_bytes};
use session_layer::{
    CreateOutcome, NewSession, RotateOutcome, SessionBackend as _, SessionId, SessionLimits,
    SessionRecord, UserKey,
};
use sql_store::{SqlDatabase, SqlSessions};
use test_servers::PostgresServer;

use self::support::{Folder, open};

const TASKS: usize = 8;
/// How many acknowledgements the crash waits for.
const ENOUGH: usize = 400;

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

fn hex(secret: &SecretDigest) -> String {
    secret
        .as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn secret(hex: &str) -> SecretDigest {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    SecretDigest::from_bytes(std::array::from_fn(|index| byte(2 * index)))
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

async fn check(sessions: &SqlSessions, told: &[String]) {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_postgres_that_is_killed_loses_nothing_acknowledged() {
    let server = PostgresServer::start_durable();
    let database = SqlDatabase::builder(&server.url())
        .connect_timeout(Duration::from_secs(1))
        .connect()
        .await
        .unwrap();
    database.migrate().await.unwrap();
    let sessions = database.store().await.unwrap().sessions();
    for _ in 0..2 {
        let told = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let told = Arc::clone(&told);
                let tell = move |line| told.lock().unwrap().push(line);
                tokio::spawn(come_and_go(sessions.clone(), task, tell))
            })
            .collect();
        while told.lock().unwrap().len() < 2 * ENOUGH {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.kill();
        for task in tasks {
            task.await.unwrap();
        }
        server.restart();
        let told = std::mem::take(&mut *told.lock().unwrap());
        check(&open(&server.url()).await.sessions(), &told).await;
    }
}

/// The process that writes is this test, run again by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_process_that_is_killed_while_it_writes_to_sqlite_loses_nothing_acknowledged() {
    const ROLE: &str = "SQL_STORE_TEST_WRITES_TO";
    const NAME: &str =
        "a_process_that_is_killed_while_it_writes_to_sqlite_loses_nothing_acknowledged";

    if let Ok(url) = std::env::var(ROLE) {
        let sessions = open(&url).await.sessions();
        let tell = |line| {
            let mut out = std::io::stdout().lock();
            writeln!(out, "@{line}").and_then(|()| out.flush()).unwrap();
        };
        let tasks = (0..TASKS).map(|task| tokio::spawn(come_and_go(sessions.clone(), task, tell)));
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        return;
    }
    let folder = Folder::new();
    for _ in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture"])
            .env(ROLE, folder.url())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = Vec::new();
        for line in lines.map_while(Result::ok) {
            // The last line before its death may be cut short.
            told.extend(line.strip_prefix('@').map(str::to_owned));
            if told.len() == 2 * ENOUGH {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(told.len() >= 2 * ENOUGH, "it has ended by itself");
        check(&open(&folder.url()).await.sessions(), &told).await;
    }
}
