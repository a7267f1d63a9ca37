//! `authctl database`.

use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use serde::Serialize;
use sql_store::SqlDatabase;

use crate::database::DatabaseArgs;
use crate::duration;
use crate::report::{Failure, Report};

/// How many rows of a table are removed at a time.
const PORTION: u32 = 1_000;

const MIGRATE: &str = "\
Examples:
  authctl database migrate --database sqlite:auth.db
  DATABASE_URL=postgres://… authctl database migrate

All steps happen or none, and several may call it at once. A file for SQLite that is missing is made,
readable by its owner only: run this as the user that the service runs as.";

const STATUS: &str = "\
Examples:
  authctl database status --database sqlite:auth.db

Exit code 1 says that the tables are of another version than this program's.";

const SWEEP: &str = "\
Examples:
  authctl database sweep --database sqlite:auth.db        from a timer, every few minutes
  authctl database sweep --keep-ended-keys 90d

What is over counts for nothing anyway; this gives its room back. API keys stay for 30 days after they
have expired or were revoked, so that their owners see what became of them.";

#[derive(Debug, Subcommand)]
pub(crate) enum DatabaseCommand {
    /// Make the tables, or bring them up to date
    #[command(after_help = MIGRATE)]
    Migrate(Where),
    /// Say of which version the tables are
    #[command(after_help = STATUS)]
    Status(Where),
    /// Remove sessions, tokens, revocations and API keys that are over
    #[command(after_help = SWEEP)]
    Sweep(SweepArgs),
}

#[derive(Args, Debug)]
pub(crate) struct Where {
    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Args, Debug)]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    place: Where,

    /// For how long API keys are kept after they have expired or were revoked
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "30d")]
    keep_ended_keys: Duration,
}

/// `{"from", "to"}`: versions; 0 is a database without tables.
#[derive(Serialize)]
struct Migrated {
    from: i64,
    to: i64,
}

/// `{"version", "needed", "up_to_date"}`
#[derive(Serialize)]
struct Status {
    version: i64,
    needed: i64,
    up_to_date: bool,
}

/// `{"deleted"}`: how many rows.
#[derive(Serialize)]
struct Swept {
    deleted: u64,
}

pub(crate) async fn run(command: &DatabaseCommand) -> Result<Report, Failure> {
    match command {
        DatabaseCommand::Migrate(place) => migrate(place).await,
        DatabaseCommand::Status(place) => status(place).await,
        DatabaseCommand::Sweep(args) => sweep(args).await,
    }
}

async fn migrate(place: &Where) -> Result<Report, Failure> {
    let database = place.database.open_or_create().await?;
    let from = database.schema_version().await?;
    database.migrate().await?;
    let to = database.schema_version().await?;
    let text = if from == to {
        format!("the tables are of version {to} already")
    } else {
        format!("migrated the tables from version {from} to {to}")
    };
    Report::new(&Migrated { from, to }, text)
}

async fn status(place: &Where) -> Result<Report, Failure> {
    let database = place.database.open().await?;
    let version = database.schema_version().await?;
    let needed = SqlDatabase::SCHEMA_VERSION;
    let text = match version {
        0 => "there are no tables; `authctl database migrate` makes them".to_owned(),
        _ if version == needed => format!("the tables are of version {version}, as they must be"),
        _ if version < needed => format!(
            "the tables are of version {version} and must be of {needed}; \
             `authctl database migrate` does that"
        ),
        _ => format!(
            "the tables are of version {version}, made by a newer program; this one knows {needed}"
        ),
    };
    let status = Status {
        version,
        needed,
        up_to_date: version == needed,
    };
    Ok(Report::new(&status, text)?.good_if(status.up_to_date))
}

async fn sweep(args: &SweepArgs) -> Result<Report, Failure> {
    let store = args.place.database.store().await?;
    let store = store.keep_ended_keys(args.keep_ended_keys)?;
    let mut deleted = 0;
    loop {
        let rows = store.delete_expired(SystemTime::now(), PORTION).await?;
        deleted += rows;
        if rows < u64::from(PORTION) {
            break;
        }
    }
    Report::new(&Swept { deleted }, format!("removed {deleted} rows"))
}
