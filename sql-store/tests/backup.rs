//! Backups of a database that is being written to: what was acknowledged before is in them.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use apikey_layer::{ApiKeyStore as _, Inserted, KeyFormat, KeyRecord, Owner};
use sql_store::sqlx;
use sql_store::{SqlDatabase, SqlStore};

use self::support::{Folder, open, postgres, run};

const TASKS: usize = 4;

/// Keys come, and every other one is revoked, until it is stopped.
struct Writers {
    /// Those that were acknowledged, with whether their revocation was.
    done: Arc<Mutex<Vec<(KeyRecord, bool)>>>,
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Writers {
    fn start(store: &SqlStore) -> Self {
        let (done, stop) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let tasks = (0..TASKS).map(|task| {
            let (done, stop) = (Arc::clone(&done), Arc::clone(&stop));
            tokio::spawn(write(store.clone(), task, done, stop))
        });
        let tasks = tasks.collect();
        Self { done, stop, tasks }
    }

    /// Waits until so many more are done, and says how many there are.
    async fn more(&self, number: usize) -> usize {
        let enough = self.done.lock().unwrap().len() + number;
        loop {
            let now = self.done.lock().unwrap().len();
            if now >= enough {
                return now;
            }
            assert!(!self.tasks.iter().any(|task| task.is_finished()));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn end(self) -> Vec<(KeyRecord, bool)> {
        self.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.unwrap();
        }
        std::mem::take(&mut *self.done.lock().unwrap())
    }
}

async fn write(
    store: SqlStore,
    task: usize,
    done: Arc<Mutex<Vec<(KeyRecord, bool)>>>,
    stop: Arc<AtomicBool>,
) {
    let (keys, format) = (store.api_keys(), KeyFormat::live("sk").unwrap());
    for number in 0_usize.. {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let key = format.generate().unwrap();
        let owner = Owner::new(format!("owner-{task}"));
        let now = SystemTime::now();
        let record = KeyRecord::new(*key.id(), key.digest(), owner, now);
        let inserted = keys.insert(record.clone(), usize::MAX).await.unwrap();
        assert_eq!(inserted, Inserted::Done);
        let revoke = number % 2 == 1;
        if revoke {
            assert!(keys.revoke(key.id(), now).await.unwrap());
        }
        done.lock().unwrap().push((record, revoke));
    }
}

/// The first `before` must be in the backup as they were acknowledged; of the others there may be some.
async fn check(url: &str, before: usize, done: &[(KeyRecord, bool)]) {
    let database = SqlDatabase::builder(url)
        .create_if_missing(false)
        .connect()
        .await
        .unwrap();
    let keys = database.store().await.unwrap().api_keys();
    let mut found = 0;
    for (number, (record, revoked)) in done.iter().enumerate() {
        match keys.find(record.id()).await.unwrap() {
            Some(kept) => {
                assert_eq!(kept.digest(), record.digest());
                if number < before {
                    assert_eq!(kept.revoked_at().is_some(), *revoked);
                }
                found += 1;
            }
            None => assert!(number >= before, "{number} of {before} is missing"),
        }
    }
    assert!(found < done.len(), "nobody wrote meanwhile");
    // It goes on from there.
    let (last, _) = done.last().unwrap();
    let inserted = keys.insert(last.clone(), usize::MAX).await.unwrap();
    assert_eq!(inserted, Inserted::Done);
    database.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_a_sqlite_in_use_has_all_that_was_acknowledged() {
    let folder = Folder::new();
    let store = open(&folder.url()).await;
    let writers = Writers::start(&store);
    let before = writers.more(100).await;
    let copy = folder.0.join("copy.db");
    run(&folder.url(), &format!("VACUUM INTO '{}'", copy.display())).await;
    writers.more(50).await;
    let done = writers.end().await;

    let url = format!("sqlite://{}", copy.display());
    let options: sqlx::sqlite::SqliteConnectOptions = url.parse().unwrap();
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let whole: String = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(whole, "ok");
    pool.close().await;
    check(&url, before, &done).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_of_a_postgresql_in_use_has_all_that_was_acknowledged() {
    let (folder, server) = (Folder::new(), postgres());
    let [url, copy] = [server.create_database(), server.create_database()];
    let store = open(&url).await;
    let writers = Writers::start(&store);
    let before = writers.more(100).await;
    let dump = folder.0.join("dump.sql");
    let program = |name| Command::new(server.program(name));
    shell(program("pg_dump").args(["--dbname", &url, "--file"]), &dump).await;
    writers.more(50).await;
    let done = writers.end().await;

    let mut psql = program("psql");
    psql.args(["--no-psqlrc", "--quiet", "--single-transaction"]);
    psql.args(["--set=ON_ERROR_STOP=1", "--dbname", &copy, "--file"]);
    shell(&mut psql, &dump).await;
    check(&copy, before, &done).await;
}

/// Runs it beside those who write.
async fn shell(command: &mut Command, file: &Path) {
    let mut child = command.arg(file).stdout(Stdio::null()).spawn().unwrap();
    let status = tokio::task::spawn_blocking(move || child.wait()).await;
    assert!(status.unwrap().unwrap().success(), "{command:?}");
}
