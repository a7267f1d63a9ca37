//! Which database a command works on.

use std::path::PathBuf;

use clap::Args;
use sql_store::{SqlDatabase, SqlStore};
use url::Url;
use zeroize::Zeroizing;

use crate::input::file_or_variable;
use crate::report::Failure;

const VARIABLE: &str = "DATABASE_URL";

/// Where the database is.
#[derive(Args, Clone, Debug)]
pub(crate) struct DatabaseArgs {
    /// The database: sqlite:FILE or postgres://USER@HOST/NAME. Without this option the environment
    /// says it (DATABASE_URL)
    ///
    /// A URL with a password is refused here, because every user of the machine can see the arguments
    /// of a program: put it into DATABASE_URL or into a file (--database-file).
    #[arg(long, value_name = "URL", conflicts_with = "database_file")]
    database: Option<String>,

    /// A file with the URL of the database, password included
    #[arg(long, value_name = "FILE")]
    database_file: Option<PathBuf>,
}

impl DatabaseArgs {
    /// A database that is there.
    pub(crate) async fn open(&self) -> Result<SqlDatabase, Failure> {
        self.connect(false).await
    }

    /// A database whose file is made if it is missing.
    pub(crate) async fn open_or_create(&self) -> Result<SqlDatabase, Failure> {
        self.connect(true).await
    }

    /// The tables of a database that is up to date.
    pub(crate) async fn store(&self) -> Result<SqlStore, Failure> {
        Ok(self.open().await?.store().await?)
    }

    async fn connect(&self, create: bool) -> Result<SqlDatabase, Failure> {
        let url = self.url()?;
        let database = SqlDatabase::builder(&url)
            .max_connections(2)
            .create_if_missing(create);
        Ok(database.connect().await?)
    }

    fn url(&self) -> Result<Zeroizing<String>, Failure> {
        if let Some(url) = &self.database {
            if holds_password(url) {
                return Err(Failure::usage(
                    "--database holds a password, and everybody can see arguments: \
                     use DATABASE_URL or --database-file",
                ));
            }
            return Ok(Zeroizing::new(url.clone()));
        }
        file_or_variable("--database-file", self.database_file.as_deref(), VARIABLE)?.ok_or_else(
            || {
                Failure::usage(
                    "which database? Set DATABASE_URL, or give --database or --database-file",
                )
            },
        )
    }
}

/// Whether a URL has a password, in front of its host or among its options.
fn holds_password(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| {
        url.password().is_some() || url.query_pairs().any(|(name, _)| name.contains("password"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_seen() {
        for (url, holds) in [
            ("sqlite:auth.db", false),
            ("sqlite:///var/lib/app/auth.db", false),
            ("postgres://app@db.example/auth", false),
            ("postgres://app@db.example/auth?sslmode=verify-full", false),
            ("postgres://app:hunter2@db.example/auth", true),
            ("postgres://app:@db.example/auth", false),
            ("postgres://db.example/auth?password=hunter2", true),
            ("postgres://db.example/auth?p%61ssword=hunter2", true),
        ] {
            assert_eq!(holds_password(url), holds, "{url}");
        }
    }
}
