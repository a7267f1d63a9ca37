//! Rows that are over.

use std::time::{Duration, SystemTime};

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
    kept: Kept,
}

/// For how long a row stays when it is over.
enum Kept {
    /// Nobody asks for it again.
    No,
    /// Nodes whose clocks differ may still accept for a while what it forbids.
    Leeway,
    /// It is shown to its owner for a while.
    Ended,
}

impl DeleteExpired {
    pub(crate) const TABLES: [Table; 8] = [
        Table {
            sql: "DELETE FROM auth_sessions WHERE expires_at <= $1 AND secret_digest IN (\
                SELECT secret_digest FROM auth_sessions WHERE expires_at <= $1 \
                ORDER BY expires_at LIMIT $2)",
            kept: Kept::No,
        },
        Table {
            sql: "DELETE FROM auth_refresh_families WHERE expires_at <= $1 AND family_id IN (\
                SELECT family_id FROM auth_refresh_families WHERE expires_at <= $1 \
                ORDER BY expires_at LIMIT $2)",
            kept: Kept::No,
        },
        Table {
            sql: "DELETE FROM auth_remembered_logins WHERE ends_at <= $1 AND series_digest IN (\
                SELECT series_digest FROM auth_remembered_logins WHERE ends_at <= $1 \
                ORDER BY ends_at LIMIT $2)",
            kept: Kept::No,
        },
        Table {
            sql: "DELETE FROM auth_revoked_tokens WHERE kept_until <= $1 AND token_key IN (\
                SELECT token_key FROM auth_revoked_tokens WHERE kept_until <= $1 \
                ORDER BY kept_until LIMIT $2)",
            kept: Kept::Leeway,
        },
        Table {
            sql: "DELETE FROM auth_revoked_subjects WHERE kept_until <= $1 AND subject_key IN (\
                SELECT subject_key FROM auth_revoked_subjects WHERE kept_until <= $1 \
                ORDER BY kept_until LIMIT $2)",
            kept: Kept::Leeway,
        },
        Table {
            sql: "DELETE FROM auth_used_once WHERE kept_until <= $1 AND use_key IN (\
                SELECT use_key FROM auth_used_once WHERE kept_until <= $1 \
                ORDER BY kept_until LIMIT $2)",
            kept: Kept::Leeway,
        },
        Table {
            sql: "DELETE FROM auth_api_keys WHERE expires_at <= $1 AND key_id IN (\
                SELECT key_id FROM auth_api_keys WHERE expires_at <= $1 \
                ORDER BY expires_at LIMIT $2)",
            kept: Kept::Ended,
        },
        Table {
            sql: "DELETE FROM auth_api_keys WHERE revoked_at <= $1 AND key_id IN (\
                SELECT key_id FROM auth_api_keys WHERE revoked_at <= $1 \
                ORDER BY revoked_at LIMIT $2)",
            kept: Kept::Ended,
        },
    ];

    /// `keep_ended` is for how long API keys are kept.
    pub(crate) fn new(table: &Table, now: SystemTime, keep_ended: Duration, limit: u32) -> Self {
        let kept = match table.kept {
            Kept::No => Duration::ZERO,
            Kept::Leeway => MAX_LEEWAY,
            Kept::Ended => keep_ended,
        };
        Self {
            sql: table.sql,
            over_at: now.checked_sub(kept).map_or(0, millis),
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
