//! How to connect.

use std::fmt;
use std::time::Duration;

use auth_layer::check_duration;
#[cfg(feature = "postgres")]
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
#[cfg(feature = "sqlite")]
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::{Kind, Pools, SqlDatabase, SqlError};

/// Connects with other settings than the defaults.
///
/// ```
/// use std::time::Duration;
///
/// use sql_store::SqlDatabase;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sql_store::SqlError> {
/// let database = SqlDatabase::builder("sqlite::memory:")
///     .operation_timeout(Duration::from_secs(2))
///     .connect()
///     .await?;
/// # let _ = database;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct SqlDatabaseBuilder {
    url: String,
    max_connections: u32,
    connect_timeout: Duration,
    operation_timeout: Duration,
    create_if_missing: bool,
}

/// What is known of a database before it is asked.
enum Options {
    #[cfg(feature = "postgres")]
    Postgres(PgConnectOptions),
    #[cfg(feature = "sqlite")]
    Sqlite(SqliteConnectOptions),
}

impl SqlDatabaseBuilder {
    pub(super) const OPERATION_TIMEOUT: Duration = Duration::from_secs(5);

    pub(super) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            max_connections: 10,
            connect_timeout: Duration::from_secs(3),
            operation_timeout: Self::OPERATION_TIMEOUT,
            create_if_missing: true,
        }
    }

    /// How many connections there may be: to PostgreSQL in all, to SQLite for reading, beside the one
    /// that writes. 10 by default.
    pub const fn max_connections(mut self, number: u32) -> Self {
        self.max_connections = number;
        self
    }

    /// How long an operation may wait for a connection, be it for a new one or for one that is in use.
    /// 3 seconds by default: after that it fails, and the request is answered 503.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long an operation may take in all, repetitions and waiting for a connection included. 5
    /// seconds by default. PostgreSQL is told the same for each statement, so that it does not go on
    /// with what nobody waits for.
    pub const fn operation_timeout(mut self, timeout: Duration) -> Self {
        self.operation_timeout = timeout;
        self
    }

    /// Whether a file of SQLite that is missing is made. Default: true. Without, connecting fails if there
    /// is none: for programs that administer what is there, where a mistyped name must not become an
    /// empty database. It changes nothing for PostgreSQL.
    pub const fn create_if_missing(mut self, create: bool) -> Self {
        self.create_if_missing = create;
        self
    }

    /// Connects, once, so that a wrong address or password is noticed now.
    ///
    /// # Errors
    ///
    /// Fails if an option is wrong or the database cannot be reached.
    pub async fn connect(self) -> Result<SqlDatabase, SqlError> {
        let kind = match self.options()? {
            #[cfg(feature = "postgres")]
            Options::Postgres(options) => self.postgres(options).await?,
            #[cfg(feature = "sqlite")]
            Options::Sqlite(options) => self.sqlite(options).await?,
        };
        Ok(SqlDatabase {
            pools: Pools {
                kind,
                operation_timeout: self.operation_timeout,
            },
        })
    }

    /// Whether [`connect`](Self::connect) could work, as far as that can be told without asking anybody:
    /// for programs that check a configuration.
    ///
    /// ```
    /// use sql_store::SqlDatabase;
    ///
    /// assert!(SqlDatabase::builder("sqlite:auth.db").check().is_ok());
    /// assert!(SqlDatabase::builder("sqlite:").check().is_err());
    /// assert!(SqlDatabase::builder("postgres://db/auth?sslmode=off").check().is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if an option is wrong.
    pub fn check(&self) -> Result<(), SqlError> {
        self.options().map(drop)
    }

    fn options(&self) -> Result<Options, SqlError> {
        check_duration("connect_timeout", self.connect_timeout)?;
        check_duration("operation_timeout", self.operation_timeout)?;
        if self.max_connections == 0 {
            return Err(SqlError::config("max_connections", "must be at least 1"));
        }
        let scheme = self.url.split(':').next().unwrap_or_default();
        match scheme {
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => self.postgres_options().map(Options::Postgres),
            #[cfg(feature = "sqlite")]
            "sqlite" => self.sqlite_options().map(Options::Sqlite),
            #[cfg(not(feature = "postgres"))]
            "postgres" | "postgresql" => {
                Err(SqlError::config("url", "needs the feature `postgres`"))
            }
            #[cfg(not(feature = "sqlite"))]
            "sqlite" => Err(SqlError::config("url", "needs the feature `sqlite`")),
            _ => {
                let problem = "must begin with `sqlite:` or `postgres:`";
                Err(SqlError::config("url", problem))
            }
        }
    }

    #[cfg(feature = "postgres")]
    fn postgres_options(&self) -> Result<PgConnectOptions, SqlError> {
        // The text of the error might repeat the URL, and with it the password.
        let problem = "is not the URL of a PostgreSQL";
        let options = self.url.parse();
        options.map_err(|_| SqlError::config("url", problem))
    }

    #[cfg(feature = "postgres")]
    async fn postgres(&self, options: PgConnectOptions) -> Result<Kind, SqlError> {
        let limit = self.operation_timeout.as_millis().to_string();
        let options = options.application_name("sql-store").options([
            ("statement_timeout", limit.as_str()),
            ("lock_timeout", limit.as_str()),
            ("idle_in_transaction_session_timeout", limit.as_str()),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(self.max_connections)
            .acquire_timeout(self.connect_timeout)
            .connect_with(options)
            .await?;
        Ok(Kind::Postgres(pool))
    }

    #[cfg(feature = "sqlite")]
    fn sqlite_options(&self) -> Result<SqliteConnectOptions, SqlError> {
        let options: SqliteConnectOptions = self
            .url
            .parse()
            .map_err(|_| SqlError::config("url", "is not the URL of a SQLite database"))?;
        if self.is_in_memory() {
            return Ok(options);
        }
        let file = options.get_filename();
        if file.as_os_str().is_empty() {
            // SQLite would make one for each connection, and remove it with that.
            return Err(SqlError::config("url", "names no file"));
        }
        if file.to_string_lossy().starts_with("file:") {
            return Err(SqlError::config(
                "url",
                "must name a file by its path, not by a URI",
            ));
        }
        Ok(options)
    }

    #[cfg(feature = "sqlite")]
    fn is_in_memory(&self) -> bool {
        self.url.contains(":memory:") || self.url.contains("mode=memory")
    }

    #[cfg(feature = "sqlite")]
    async fn sqlite(&self, options: SqliteConnectOptions) -> Result<Kind, SqlError> {
        let options = options
            .create_if_missing(self.create_if_missing)
            .foreign_keys(true)
            .busy_timeout(self.operation_timeout);
        let pool = || {
            SqlitePoolOptions::new()
                .acquire_timeout(self.connect_timeout)
                // It is tested when it is given back, and a file does not hang up after that.
                .test_before_acquire(false)
                .idle_timeout(None)
                .max_lifetime(None)
        };
        if self.is_in_memory() {
            // It lives in its connection.
            let only = options.shared_cache(false);
            let writer = pool().max_connections(1).connect_with(only).await?;
            return Ok(Kind::Sqlite {
                readers: writer.clone(),
                writer,
            });
        }
        #[cfg(unix)]
        if self.create_if_missing && !self.url.contains("mode=ro") {
            make_private(options.get_filename());
        }
        // With a WAL readers do not wait. FULL, and not NORMAL: a logout that was acknowledged must
        // not be undone because the machine lost its power.
        let options = options
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let writer = pool()
            .max_connections(1)
            .connect_with(options.clone())
            .await?;
        let readers = pool()
            .max_connections(self.max_connections)
            .connect_with(options)
            .await?;
        Ok(Kind::Sqlite { readers, writer })
    }
}

/// Makes the file if it is missing, for nobody but its owner. What SQLite keeps beside it gets the same
/// permissions. If this fails, so does opening it, which says why.
#[cfg(all(feature = "sqlite", unix))]
fn make_private(file: &std::path::Path) {
    use std::os::unix::fs::OpenOptionsExt as _;

    let mut options = std::fs::OpenOptions::new();
    let _ = options.write(true).create_new(true).mode(0o600).open(file);
}

/// Shows neither the password nor the place.
impl fmt::Debug for SqlDatabaseBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlDatabaseBuilder")
            .field("max_connections", &self.max_connections)
            .field("connect_timeout", &self.connect_timeout)
            .field("operation_timeout", &self.operation_timeout)
            .field("create_if_missing", &self.create_if_missing)
            .finish_non_exhaustive()
    }
}
