//! Rows that are over.

use std::time::SystemTime;

use auth_layer::MAX_LEEWAY;
use sqlx::Error;

use crate::connection::Connection;
use crate::step::{Access, Step};
use crate::time::millis;

/// Removes rows of one table whose time has come.
pub(crate) struct DeleteExpired {
    sql: &'static str,
    over_at: i64,
    limit: i64,
}

/// A table whose rows end by themselves.
pub(crate) struct Table {
    /// The outer condition looks again at a row that was changed meanwhile.
    sql: &'static str,
    /// Whether nodes whose clocks differ may still accept for a while what it forbids.
    with_leeway: bool,
}

impl DeleteExpired {
    pub(crate) const TABLES: [Table; 6] = [
        Table {
            sql: "DELETE FROM auth_sessions WHERE expires_at <= $1 AND secret_digest IN (\
                SELECT secret_digest FROM auth_sessions WHERE expires_at <= $1 \
                ORDER BY expires_at LIMIT $2)",
            with_leeway: false,
        },
        Table {
            sql: "DELETE FROM auth_refresh_families WHERE expires_at <= $1 AND family_id IN (\
                SELECT family_id FROM auth_refresh_families WHERE expires_at <= $1 \
                ORDER BY expires_at LIMIT $2)",
            with_leeway: false,
        },
        Table {
            sql: "DELETE FROM auth_remembered_logins WHERE ends_at <= $1 AND series_digest IN (\
                SELECT series_digest FROM auth_remembered_logins WHERE ends_at <= $1 \
                ORDER BY ends_at LIMIT $2)",
            with_leeway: false,
        },
        Table {
            sql: "DELETE FROM auth_revoked_tokens WHERE kept_until <= $1 AND token_key IN (\
                SELECT token_key FROM auth_revoked_tokens WHERE kept_until <= $1 \
                ORDER BY kept_until LIMIT $2)",
            with_leeway: true,
        },
        Table {
            sql: "DELETE FROM auth_revoked_subjects WHERE kept_until <= $1 AND subject_key IN (\
                SELECT subject_key FROM auth_revoked_subjects WHERE kept_until <= $1 \
                ORDER BY kept_until LIMIT $2)",
            with_leeway: true,
        },
        Table {
            sql: "DELETE FROM auth_used_once WHERE kept_until <= $1 AND use_key IN (\
                SELECT use_key FROM auth_used_once WHERE kept_until <= $1 \
                ORDER BY kept_until LIMIT $2)",
            with_leeway: true,
        },
    ];

    pub(crate) fn new(table: &Table, now: SystemTime, limit: u32) -> Self {
        let over_at = match table.with_leeway {
            true => now
                .checked_sub(MAX_LEEWAY)
                .unwrap_or(SystemTime::UNIX_EPOCH),
            false => now,
        };
        Self {
            sql: table.sql,
            over_at: millis(over_at),
            limit: i64::from(limit),
        }
    }
}

impl Step for DeleteExpired {
    type Output = u64;

    const ACCESS: Access = Access::Write;

    async fn run(&self, connection: &mut Connection) -> Result<u64, Error> {
        let parameters = [self.over_at.into(), self.limit.into()];
        connection.execute(self.sql, &parameters).await
    }
}
