//! What comes out of a statement.

#[cfg(feature = "postgres")]
use sqlx::postgres::PgRow;
#[cfg(feature = "sqlite")]
use sqlx::sqlite::SqliteRow;
use sqlx::{Error, Row as _};

/// A row of a result. Columns are numbered from 0, in the order of the statement.
pub(crate) enum Row {
    #[cfg(feature = "postgres")]
    Postgres(PgRow),
    #[cfg(feature = "sqlite")]
    Sqlite(SqliteRow),
}

macro_rules! column {
    ($row:expr, $column:expr) => {
        match $row {
            #[cfg(feature = "postgres")]
            Row::Postgres(row) => row.try_get($column),
            #[cfg(feature = "sqlite")]
            Row::Sqlite(row) => row.try_get($column),
        }
    };
}

impl Row {
    pub(crate) fn int(&self, column: usize) -> Result<i64, Error> {
        column!(self, column)
    }

    #[cfg(any(feature = "apikey", feature = "login"))]
    pub(crate) fn optional_int(&self, column: usize) -> Result<Option<i64>, Error> {
        column!(self, column)
    }

    #[cfg(any(feature = "apikey", feature = "login"))]
    pub(crate) fn bool(&self, column: usize) -> Result<bool, Error> {
        column!(self, column)
    }

    #[cfg(any(feature = "apikey", feature = "digest", feature = "login"))]
    pub(crate) fn text(&self, column: usize) -> Result<String, Error> {
        column!(self, column)
    }

    #[cfg(feature = "login")]
    pub(crate) fn optional_text(&self, column: usize) -> Result<Option<String>, Error> {
        column!(self, column)
    }

    #[cfg(any(feature = "jwt", feature = "session"))]
    pub(crate) fn bytes(&self, column: usize) -> Result<Vec<u8>, Error> {
        column!(self, column)
    }

    /// Bytes of one length: a digest, or an id.
    #[cfg(any(
        feature = "apikey",
        feature = "digest",
        feature = "jwt",
        feature = "session"
    ))]
    pub(crate) fn array<const N: usize>(&self, column: usize) -> Result<[u8; N], Error> {
        let bytes: Vec<u8> = column!(self, column)?;
        exact(bytes)
    }

    #[cfg(feature = "apikey")]
    pub(crate) fn optional_array<const N: usize>(
        &self,
        column: usize,
    ) -> Result<Option<[u8; N]>, Error> {
        let bytes: Option<Vec<u8>> = column!(self, column)?;
        bytes.map(exact).transpose()
    }
}

#[cfg(any(
    feature = "apikey",
    feature = "digest",
    feature = "jwt",
    feature = "session"
))]
fn exact<const N: usize>(bytes: Vec<u8>) -> Result<[u8; N], Error> {
    bytes
        .try_into()
        .map_err(|_| undecodable("bytes of another length than expected"))
}

/// A row that this version cannot read.
#[cfg(any(
    feature = "apikey",
    feature = "digest",
    feature = "jwt",
    feature = "login",
    feature = "session"
))]
pub(crate) fn undecodable(problem: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Decode(problem.into())
}
