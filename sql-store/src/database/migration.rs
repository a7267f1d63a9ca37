//! The tables, and how they came to be what they are.

use sqlx::Error;

use super::{SqlError, SqlErrorKind};
use crate::connection::{Connection, Live};
use crate::key::lock_of;

/// One step forward. What has been released is never changed; what comes next is a new one.
struct Migration {
    #[cfg(feature = "postgres")]
    postgres: &'static str,
    #[cfg(feature = "sqlite")]
    sqlite: &'static str,
}

macro_rules! migration {
    ($file:literal) => {
        Migration {
            #[cfg(feature = "postgres")]
            postgres: include_str!(concat!("../../migrations/postgres/", $file)),
            #[cfg(feature = "sqlite")]
            sqlite: include_str!(concat!("../../migrations/sqlite/", $file)),
        }
    };
}

/// The first makes version 1.
const MIGRATIONS: &[Migration] = &[
    migration!("0001_first.sql"),
    migration!("0002_remembered_logins.sql"),
    migration!("0003_used_once.sql"),
    migration!("0004_signing_keys.sql"),
    migration!("0005_refresh_families.sql"),
    migration!("0006_key_uses.sql"),
    migration!("0007_ended_keys.sql"),
    migration!("0008_keys_in_use.sql"),
];

/// The version that the tables have when all migrations have run.
#[expect(clippy::cast_possible_wrap, reason = "there are a few")]
pub(super) const NEWEST: i64 = MIGRATIONS.len() as i64;

impl Migration {
    const fn script(&self, live: &Live) -> &'static str {
        match live {
            #[cfg(feature = "postgres")]
            Live::Postgres(_) => self.postgres,
            #[cfg(feature = "sqlite")]
            Live::Sqlite(_) => self.sqlite,
        }
    }
}

/// Brings the tables to the newest version, all steps or none.
pub(super) async fn migrate(connection: &mut Connection) -> Result<(), SqlError> {
    connection.work();
    connection.begin().await?;
    #[cfg(feature = "postgres")]
    if matches!(connection.live(), Live::Postgres(_)) {
        // Changing a large table takes its time, and so does waiting for whoever else does.
        let unlimited = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0";
        connection.script(unlimited).await?;
    }
    // Several instances of a service may start at once.
    connection.lock(lock_of("migrations", &[])).await?;
    let found = version(connection).await?;
    if found > NEWEST {
        connection.script("ROLLBACK").await?;
        connection.rest();
        return Err(SqlError::new(SqlErrorKind::Newer {
            found,
            known: NEWEST,
        }));
    }
    for (number, migration) in (1..).zip(MIGRATIONS) {
        if number > found {
            let script = migration.script(connection.live());
            connection.script(script).await?;
            let done = "INSERT INTO auth_schema (version) VALUES ($1)";
            connection.execute(done, &[number.into()]).await?;
        }
    }
    connection.script("COMMIT").await?;
    connection.rest();
    Ok(())
}

/// Whether the tables are what this crate works with.
pub(super) async fn check(connection: &mut Connection) -> Result<(), SqlError> {
    let found = found(connection).await?;
    let kind = match found {
        found if found < NEWEST => SqlErrorKind::Unmigrated {
            found,
            needed: NEWEST,
        },
        found if found > NEWEST => SqlErrorKind::Newer {
            found,
            known: NEWEST,
        },
        _ => return Ok(()),
    };
    Err(SqlError::new(kind))
}

/// The version of the tables, on a connection that does nothing else; 0 if there are none.
pub(super) async fn found(connection: &mut Connection) -> Result<i64, SqlError> {
    connection.work();
    let found = version(connection).await?;
    connection.rest();
    Ok(found)
}

/// The version of the tables; 0 if there are none.
async fn version(connection: &mut Connection) -> Result<i64, Error> {
    let exists = match connection.live() {
        #[cfg(feature = "postgres")]
        Live::Postgres(_) => "SELECT count(to_regclass('auth_schema'))",
        #[cfg(feature = "sqlite")]
        Live::Sqlite(_) => {
            "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'auth_schema'"
        }
    };
    if connection.one(exists, &[]).await?.int(0)? == 0 {
        return Ok(0);
    }
    let newest = "SELECT COALESCE(MAX(version), 0) FROM auth_schema";
    connection.one(newest, &[]).await?.int(0)
}
