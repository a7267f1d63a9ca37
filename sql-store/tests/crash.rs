//! Crashes in the middle of logins, rotations and logouts: what was acknowledged stays, and what was
//! not is there as a whole or not at all.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

#[path = "crash/families.rs"]
mod families;
#[path = "../../tests/tests/support/crashing_keys.rs"]
mod keys;
#[path = "crash/sessions.rs"]
mod sessions;
mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use auth_layer::SecretDigest;
use sql_store::{SqlDatabase, SqlStore};
use test_servers::PostgresServer;
use tokio::task::{JoinHandle, JoinSet};

use self::families::Families;
use self::sessions::Sessions;
use self::support::{Folder, open};

const TASKS: usize = 8;
/// How many acknowledgements the crash waits for.
const ENOUGH: usize = 400;

/// What a store is busy with when it crashes.
trait Load {
    /// Goes on until the store fails. Tells what it is about to do, and what was acknowledged.
    fn run(
        store: SqlStore,
        task: usize,
        tell: impl Fn(String) + Send + Sync + 'static,
    ) -> impl Future<Output = ()> + Send + 'static;

    /// Compares what is there with what was told.
    async fn check(store: &SqlStore, told: &[String]);
}

/// API keys.
struct Keys;

impl Load for Keys {
    async fn run(store: SqlStore, task: usize, tell: impl Fn(String) + Send + Sync) {
        // It ends with the store.
        let _ = keys::come_and_go(store.api_keys(), task, tell).await;
    }

    async fn check(store: &SqlStore, told: &[String]) {
        keys::check(&store.api_keys(), told, TASKS).await;
        // What is left of the crash must not count in the next round.
        for task in 0..TASKS {
            keys::clear(&store.api_keys(), task).await;
        }
    }
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

async fn kill_postgres<L: Load>() {
    let server = PostgresServer::start_durable();
    let database = SqlDatabase::builder(&server.url())
        .connect_timeout(Duration::from_secs(1))
        .connect()
        .await
        .unwrap();
    database.migrate().await.unwrap();
    let store = database.store().await.unwrap();
    for _ in 0..2 {
        let told = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let told = Arc::clone(&told);
                let tell = move |line| told.lock().unwrap().push(line);
                tokio::spawn(L::run(store.clone(), task, tell))
            })
            .collect();
        let is_over = |task: &JoinHandle<()>| task.is_finished();
        while told.lock().unwrap().len() < 2 * ENOUGH && !tasks.iter().any(is_over) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.kill();
        for task in tasks {
            task.await.unwrap();
        }
        server.restart();
        let told = std::mem::take(&mut *told.lock().unwrap());
        assert!(told.len() >= 2 * ENOUGH, "a task has ended by itself");
        L::check(&open(&server.url()).await, &told).await;
    }
}

/// The process that writes is this test, `name`, run again by itself.
async fn kill_process<L: Load>(name: &str) {
    const ROLE: &str = "SQL_STORE_TEST_WRITES_TO";

    if let Ok(url) = std::env::var(ROLE) {
        let store = open(&url).await;
        let tell = |line| {
            let mut out = std::io::stdout().lock();
            writeln!(out, "@{line}").and_then(|()| out.flush()).unwrap();
        };
        let mut tasks: JoinSet<()> = (0..TASKS)
            .map(|task| L::run(store.clone(), task, tell))
            .collect();
        // The first that ends: what panicked must not be outlived by the others.
        tasks.join_next().await.unwrap().unwrap();
        return;
    }
    let folder = Folder::new();
    for _ in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
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
        L::check(&open(&folder.url()).await, &told).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_postgres_that_is_killed_loses_nothing_acknowledged() {
    kill_postgres::<Sessions>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_process_that_is_killed_while_it_writes_to_sqlite_loses_nothing_acknowledged() {
    let name = "a_process_that_is_killed_while_it_writes_to_sqlite_loses_nothing_acknowledged";
    kill_process::<Sessions>(name).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ref_05_a_postgres_that_is_killed_keeps_the_one_current_token_of_each_family() {
    kill_postgres::<Families>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ref_05_a_process_that_is_killed_leaves_one_current_token_of_each_family_in_sqlite() {
    let name = "ref_05_a_process_that_is_killed_leaves_one_current_token_of_each_family_in_sqlite";
    kill_process::<Families>(name).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn apk_05_apk_06_x_18_a_postgres_that_is_killed_keeps_each_key_as_it_was_acknowledged() {
    kill_postgres::<Keys>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn apk_05_apk_06_x_18_a_process_that_is_killed_leaves_each_key_as_it_was_acknowledged() {
    let name = "apk_05_apk_06_x_18_a_process_that_is_killed_leaves_each_key_as_it_was_acknowledged";
    kill_process::<Keys>(name).await;
}
