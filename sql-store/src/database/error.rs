//! Why a database cannot be used.

use std::error::Error;
use std::fmt;

use auth_layer::ConfigError;

/// Why a database cannot be opened or migrated.
#[derive(Debug)]
pub struct SqlError {
    kind: SqlErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What kind of failure a [`SqlError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SqlErrorKind {
    /// An option is wrong; the source is a [`ConfigError`] that names it.
    Config,
    /// The tables were made by a newer version of this crate.
    Newer {
        /// The version of the tables.
        found: i64,
        /// The newest version that this crate knows.
        known: i64,
    },
    /// The database could not be asked.
    Unavailable,
    /// The tables are missing or of an older version: call
    /// [`SqlDatabase::migrate`](crate::SqlDatabase::migrate).
    Unmigrated {
        /// The version of the tables, 0 if there are none.
        found: i64,
        /// The version that this crate needs.
        needed: i64,
    },
}

impl SqlError {
    pub(crate) const fn new(kind: SqlErrorKind) -> Self {
        Self { kind, source: None }
    }

    pub(crate) fn config(option: &'static str, problem: impl Into<String>) -> Self {
        ConfigError::new(option, problem).into()
    }

    /// What kind of failure it is.
    pub const fn kind(&self) -> SqlErrorKind {
        self.kind
    }
}

impl From<ConfigError> for SqlError {
    fn from(error: ConfigError) -> Self {
        Self {
            kind: SqlErrorKind::Config,
            source: Some(error.into()),
        }
    }
}

impl From<sqlx::Error> for SqlError {
    fn from(error: sqlx::Error) -> Self {
        Self {
            kind: SqlErrorKind::Unavailable,
            source: Some(error.into()),
        }
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            SqlErrorKind::Config => f.write_str("the database is configured wrong"),
            SqlErrorKind::Newer { found, known } => write!(
                f,
                "the tables are of version {found}, made by a newer program; this one knows {known}"
            ),
            SqlErrorKind::Unavailable => f.write_str("the database could not be asked"),
            SqlErrorKind::Unmigrated { found, needed } => write!(
                f,
                "the tables are of version {found} and must be of {needed}: call `migrate`"
            ),
        }
    }
}

impl Error for SqlError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.source {
            Some(source) => Some(&**source),
            None => None,
        }
    }
}
