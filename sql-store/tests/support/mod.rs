//! The databases that the stores are tried on.

#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sql_store::sqlx::{self, AssertSqlSafe};
use sql_store::{SqlDatabase, SqlStore};
use test_servers::PostgresServer;

/// One for all tests of a file. It ends with the test process.
pub(crate) fn postgres() -> &'static PostgresServer {
    static SERVER: OnceLock<PostgresServer> = OnceLock::new();
    SERVER.get_or_init(PostgresServer::start)
}

/// A folder, removed when dropped.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);

        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("sql-store-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn url(&self) -> String {
        format!("sqlite://{}/auth.db", self.0.display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A migrated database.
pub(crate) async fn open(url: &str) -> SqlStore {
    let database = SqlDatabase::connect(url).await.unwrap();
    database.migrate().await.unwrap();
    database.store().await.unwrap()
}

/// Runs a statement on a database past this crate.
pub(crate) async fn run(url: &str, sql: &str) {
    let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    if url.starts_with("postgres") {
        let pool = sqlx::PgPool::connect(url).await.unwrap();
        sql.execute(&pool).await.unwrap();
        pool.close().await;
    } else {
        let options: sqlx::sqlite::SqliteConnectOptions = url.parse().unwrap();
        let options = options.create_if_missing(true);
        let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
        sql.execute(&pool).await.unwrap();
        pool.close().await;
    }
}

/// Names and stores of an empty database of each kind.
pub(crate) struct Databases {
    pub(crate) all: Vec<(&'static str, SqlStore, String)>,
    _folder: Folder,
}

pub(crate) async fn databases() -> Databases {
    let folder = Folder::new();
    let urls = [
        ("SQLite in a file", folder.url()),
        ("SQLite in memory", "sqlite::memory:".to_owned()),
        ("PostgreSQL", postgres().create_database()),
    ];
    let mut all = Vec::new();
    for (name, url) in urls {
        all.push((name, open(&url).await, url));
    }
    Databases {
        all,
        _folder: folder,
    }
}
