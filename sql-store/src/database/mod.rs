//! The database and its tables.

mod builder;
mod error;
mod migration;

use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;

#[cfg(feature = "postgres")]
use sqlx::PgPool;
#[cfg(feature = "sqlite")]
use sqlx::SqlitePool;
use tokio::time::timeout;

pub use self::builder::SqlDatabaseBuilder;
pub use self::error::{SqlError, SqlErrorKind};
use crate::SqlStore;
use crate::connection::{Connection, Live};

/// A database whose tables may have to be made yet. Cheap to clone.
///
/// [`migrate`](Self::migrate) makes the tables or brings them up to date. It is a call of its own, so
/// that a service can run with rights that change rows and not tables.
/// [`store`](Self::store) looks whether the tables are as they must be, and gives access to them.
///
/// ```
/// use sql_store::SqlDatabase;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), sql_store::SqlError> {
/// let database = SqlDatabase::connect("sqlite::memory:").await?;
/// assert!(database.store().await.is_err()); // there are no tables
/// database.migrate().await?;
/// let store = database.store().await?;
/// # let _ = store;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqlDatabase {
    pools: Pools,
}

/// The connections, and how long an operation on them may take.
#[derive(Clone)]
pub(crate) struct Pools {
    kind: Kind,
    operation_timeout: Duration,
}

#[derive(Clone)]
enum Kind {
    #[cfg(feature = "postgres")]
    Postgres(PgPool),
    /// They are one and the same for a database in memory.
    #[cfg(feature = "sqlite")]
    Sqlite {
        readers: SqlitePool,
        writer: SqlitePool,
    },
}

impl SqlDatabase {
    /// The version of the tables that this crate works with.
    pub const SCHEMA_VERSION: i64 = migration::NEWEST;

    /// Connects to `url`, with the defaults of the [builder](Self::builder).
    ///
    /// | URL | database |
    /// |---|---|
    /// | `sqlite:auth.db`, `sqlite:///var/lib/app/auth.db` | SQLite in a file, which is made if it is missing, on Unix readable by its owner only (`0600`) |
    /// | `sqlite::memory:` | SQLite in memory: for tests; gone with its connection |
    /// | `postgres://user:password@host/database?sslmode=verify-full` | PostgreSQL; `sslmode` needs the feature `tls` |
    ///
    /// # Errors
    ///
    /// Fails if the URL is not one of these, or if the database cannot be reached.
    pub async fn connect(url: &str) -> Result<Self, SqlError> {
        Self::builder(url).connect().await
    }

    /// To connect to `url` with other settings.
    pub fn builder(url: &str) -> SqlDatabaseBuilder {
        SqlDatabaseBuilder::new(url)
    }

    /// A PostgreSQL that the application has connections to already. What they are configured with
    /// counts: set a `statement_timeout` on them.
    #[cfg(feature = "postgres")]
    #[must_use]
    pub fn from_postgres(pool: PgPool) -> Self {
        Self::of(Kind::Postgres(pool))
    }

    /// A SQLite that the application has connections to already. What they are configured with
    /// counts: use a WAL, `synchronous = FULL` and a `busy_timeout`.
    #[cfg(feature = "sqlite")]
    #[must_use]
    pub fn from_sqlite(pool: SqlitePool) -> Self {
        Self::of(Kind::Sqlite {
            readers: pool.clone(),
            writer: pool,
        })
    }

    fn of(kind: Kind) -> Self {
        Self {
            pools: Pools {
                kind,
                operation_timeout: SqlDatabaseBuilder::OPERATION_TIMEOUT,
            },
        }
    }

    /// Makes the tables, or brings those of an older version up to date: all of it or nothing. Does
    /// nothing if they are up to date. Several processes may call it at once.
    ///
    /// It may take longer than other operations, and is not limited in time, be it for its own work or for that of
    /// another process that migrates.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be changed, or if its tables are of a newer version.
    pub async fn migrate(&self) -> Result<(), SqlError> {
        let mut connection = self.pools.writer().await?;
        migration::migrate(&mut connection).await
    }

    /// Access to the tables.
    ///
    /// # Errors
    ///
    /// Fails if the tables are missing or of another version than this crate needs, or if the database
    /// cannot be asked.
    pub async fn store(&self) -> Result<SqlStore, SqlError> {
        let check = async {
            let mut connection = self.pools.writer().await?;
            migration::check(&mut connection).await
        };
        self.in_time(check).await?;
        Ok(SqlStore::new(self.pools.clone()))
    }

    /// The version that the tables have, 0 if there are none:
    /// [`SCHEMA_VERSION`](Self::SCHEMA_VERSION) after [`migrate`](Self::migrate). Nothing is changed.
    ///
    /// # Errors
    ///
    /// Fails if the database cannot be asked.
    pub async fn schema_version(&self) -> Result<i64, SqlError> {
        let ask = async {
            let mut connection = self.pools.reader().await?;
            migration::found(&mut connection).await
        };
        self.in_time(ask).await
    }

    async fn in_time<T>(
        &self,
        operation: impl Future<Output = Result<T, SqlError>>,
    ) -> Result<T, SqlError> {
        match timeout(self.pools.operation_timeout, operation).await {
            Ok(result) => result,
            Err(_) => Err(sqlx::Error::Io(ErrorKind::TimedOut.into()).into()),
        }
    }

    /// Closes all connections, after what is under way. Stores answer with errors from then on.
    pub async fn close(&self) {
        match &self.pools.kind {
            #[cfg(feature = "postgres")]
            Kind::Postgres(pool) => pool.close().await,
            #[cfg(feature = "sqlite")]
            Kind::Sqlite { readers, writer } => {
                readers.close().await;
                writer.close().await;
            }
        }
    }
}

impl Pools {
    pub(crate) const fn operation_timeout(&self) -> Duration {
        self.operation_timeout
    }

    pub(crate) async fn reader(&self) -> Result<Connection, sqlx::Error> {
        let live = match &self.kind {
            #[cfg(feature = "postgres")]
            Kind::Postgres(pool) => Live::Postgres(pool.acquire().await?),
            #[cfg(feature = "sqlite")]
            Kind::Sqlite { readers, .. } => Live::Sqlite(readers.acquire().await?),
        };
        Ok(Connection::new(live))
    }

    pub(crate) async fn writer(&self) -> Result<Connection, sqlx::Error> {
        let live = match &self.kind {
            #[cfg(feature = "postgres")]
            Kind::Postgres(pool) => Live::Postgres(pool.acquire().await?),
            #[cfg(feature = "sqlite")]
            Kind::Sqlite { writer, .. } => Live::Sqlite(writer.acquire().await?),
        };
        Ok(Connection::new(live))
    }

    const fn name(&self) -> &'static str {
        match &self.kind {
            #[cfg(feature = "postgres")]
            Kind::Postgres(_) => "PostgreSQL",
            #[cfg(feature = "sqlite")]
            Kind::Sqlite { .. } => "SQLite",
        }
    }
}

/// Shows neither the password nor the place.
impl fmt::Debug for SqlDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqlDatabase").field(&self.pools).finish()
    }
}

impl fmt::Debug for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
