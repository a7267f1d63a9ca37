//! A connection to either database.
//!
//! The two understand the same SQL where this crate uses it: parameters are `$1`, `$2`; what differs
//! is how a transaction begins and how others are kept waiting.

mod row;
mod value;

#[cfg(feature = "postgres")]
use sqlx::Postgres;
#[cfg(feature = "sqlite")]
use sqlx::Sqlite;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Error};

pub(crate) use self::row::Row;
#[cfg(any(
    feature = "apikey",
    feature = "digest",
    feature = "login",
    feature = "session"
))]
pub(crate) use self::row::undecodable;
pub(crate) use self::value::Value;

/// A connection from the pool. It goes back only if it is known to be at rest; one that was dropped
/// in the middle of something is closed, and with it goes the transaction that it was in.
pub(crate) struct Connection {
    live: Live,
    at_rest: bool,
}

pub(crate) enum Live {
    #[cfg(feature = "postgres")]
    Postgres(PoolConnection<Postgres>),
    #[cfg(feature = "sqlite")]
    Sqlite(PoolConnection<Sqlite>),
}

/// A statement with its parameters.
macro_rules! query {
    ($sql:expr, $values:expr) => {{
        let mut query = sqlx::query($sql);
        for value in $values {
            query = match *value {
                Value::Bool(value) => query.bind(value),
                Value::Bytes(value) => query.bind(value),
                Value::Int(value) => query.bind(value),
                Value::Text(value) => query.bind(value),
            };
        }
        query
    }};
}

impl Connection {
    pub(crate) const fn new(live: Live) -> Self {
        Self {
            live,
            at_rest: true,
        }
    }

    /// Between this and [`rest`](Self::rest) the connection is not given back.
    pub(crate) const fn work(&mut self) {
        self.at_rest = false;
    }

    pub(crate) const fn rest(&mut self) {
        self.at_rest = true;
    }

    /// How many rows were changed.
    pub(crate) async fn execute(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<u64, Error> {
        Ok(match &mut self.live {
            #[cfg(feature = "postgres")]
            Live::Postgres(live) => query!(sql, values)
                .execute(&mut **live)
                .await?
                .rows_affected(),
            #[cfg(feature = "sqlite")]
            Live::Sqlite(live) => query!(sql, values)
                .execute(&mut **live)
                .await?
                .rows_affected(),
        })
    }

    pub(crate) async fn optional(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Option<Row>, Error> {
        Ok(match &mut self.live {
            #[cfg(feature = "postgres")]
            Live::Postgres(live) => {
                let row = query!(sql, values).fetch_optional(&mut **live).await?;
                row.map(Row::Postgres)
            }
            #[cfg(feature = "sqlite")]
            Live::Sqlite(live) => {
                let row = query!(sql, values).fetch_optional(&mut **live).await?;
                row.map(Row::Sqlite)
            }
        })
    }

    /// The only row, of a statement that always has one.
    pub(crate) async fn one(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Row, Error> {
        self.optional(sql, values).await?.ok_or(Error::RowNotFound)
    }

    #[cfg(any(
        feature = "apikey",
        feature = "digest",
        feature = "jwt",
        feature = "session"
    ))]
    pub(crate) async fn all(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, Error> {
        Ok(match &mut self.live {
            #[cfg(feature = "postgres")]
            Live::Postgres(live) => {
                let rows = query!(sql, values).fetch_all(&mut **live).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
            #[cfg(feature = "sqlite")]
            Live::Sqlite(live) => {
                let rows = query!(sql, values).fetch_all(&mut **live).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
        })
    }

    /// Several statements without parameters, that are not worth preparing.
    pub(crate) async fn script(&mut self, sql: &'static str) -> Result<(), Error> {
        let script = sqlx::raw_sql(AssertSqlSafe(sql));
        match &mut self.live {
            #[cfg(feature = "postgres")]
            Live::Postgres(live) => {
                script.execute(&mut **live).await?;
            }
            #[cfg(feature = "sqlite")]
            Live::Sqlite(live) => {
                script.execute(&mut **live).await?;
            }
        }
        Ok(())
    }

    /// Begins a transaction that writes. On PostgreSQL each of its statements sees what was committed
    /// when it began, whatever the default is: what was read before a lock counts for nothing. SQLite has one writer at a time, and this waits to be it: a
    /// transaction that began by reading could not become one.
    pub(crate) async fn begin(&mut self) -> Result<(), Error> {
        let sql = match &self.live {
            #[cfg(feature = "postgres")]
            Live::Postgres(_) => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
            #[cfg(feature = "sqlite")]
            Live::Sqlite(_) => "BEGIN IMMEDIATE",
        };
        self.script(sql).await
    }

    /// Waits until no other transaction holds this key, and holds it until the end of this one.
    ///
    /// What is read afterwards is what the others have left. The writer of SQLite holds everything
    /// anyway.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unused_async, reason = "PostgreSQL waits")
    )]
    pub(crate) async fn lock(&mut self, key: i64) -> Result<(), Error> {
        match &mut self.live {
            #[cfg(feature = "postgres")]
            Live::Postgres(live) => {
                let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(key);
                lock.execute(&mut **live).await?;
            }
            #[cfg(feature = "sqlite")]
            Live::Sqlite(_) => {
                let _ = key;
            }
        }
        Ok(())
    }

    pub(crate) const fn live(&self) -> &Live {
        &self.live
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if !self.at_rest {
            match &mut self.live {
                #[cfg(feature = "postgres")]
                Live::Postgres(live) => live.close_on_drop(),
                #[cfg(feature = "sqlite")]
                Live::Sqlite(live) => live.close_on_drop(),
            }
        }
    }
}
