//! Revocations: [`SqlRevocations`].

use std::fmt;
use std::time::SystemTime;

use auth_layer::{AuthError, IssuedToken, Revocations, SubjectRevocation};
use sqlx::Error;

use crate::connection::Connection;
use crate::database::Pools;
use crate::key::key_of;
use crate::step::{Access, Step};
use crate::time::{millis, millis_up};

const REASON: &str = "sql_revocations";

/// Revocations in the tables `auth_revoked_tokens` and `auth_revoked_subjects`: [`Revocations`].
///
/// The tables hold digests of names, not names. Rows stay until
/// [`SqlStore::delete_expired`](crate::SqlStore::delete_expired) removes them, which keeps to the
/// leeway of verifiers.
///
/// Each question is a query: give it to schemes whose tokens are worth it.
#[derive(Clone)]
pub struct SqlRevocations {
    pools: Pools,
}

impl SqlRevocations {
    pub(crate) const fn new(pools: Pools) -> Self {
        Self { pools }
    }
}

impl Revocations for SqlRevocations {
    async fn is_revoked(&self, token: &IssuedToken<'_>) -> Result<bool, AuthError> {
        let anywhere = subject_key(token.issuer, None, token.subject);
        // Without an issuer there is nobody whose token of that id could be taken back.
        let key = |id: Option<&str>| {
            token
                .issuer
                .zip(id)
                .map(|(issuer, id)| token_key(issuer, id))
        };
        let step = IsRevoked {
            token: key(token.token_id),
            session: key(token.session_id),
            anywhere,
            there: token.tenant.map_or(anywhere, |tenant| {
                subject_key(token.issuer, Some(tenant), token.subject)
            }),
            issued_at: millis(token.issued_at),
        };
        self.pools.run(step, REASON).await
    }

    async fn revoke_token(
        &self,
        issuer: &str,
        token_id: &str,
        until: SystemTime,
    ) -> Result<(), AuthError> {
        let step = RevokeToken {
            token: token_key(issuer, token_id),
            until: millis_up(until),
        };
        self.pools.run(step, REASON).await
    }

    async fn revoke_subject(&self, revocation: &SubjectRevocation<'_>) -> Result<(), AuthError> {
        let step = RevokeSubject {
            subject: subject_key(revocation.issuer, revocation.tenant, revocation.subject),
            issued_until: millis_up(revocation.issued_until),
            until: millis_up(revocation.until),
        };
        self.pools.run(step, REASON).await
    }
}

fn token_key(issuer: &str, id: &str) -> [u8; 32] {
    key_of("token", &[Some(issuer), Some(id)])
}

fn subject_key(issuer: Option<&str>, tenant: Option<&str>, subject: &str) -> [u8; 32] {
    key_of("subject", &[issuer, tenant, Some(subject)])
}

struct IsRevoked {
    token: Option<[u8; 32]>,
    session: Option<[u8; 32]>,
    anywhere: [u8; 32],
    there: [u8; 32],
    issued_at: i64,
}

impl Step for IsRevoked {
    type Output = bool;

    const ACCESS: Access = Access::Read;

    async fn run(&self, connection: &mut Connection) -> Result<bool, Error> {
        const ASK: &str = "SELECT \
            (SELECT COUNT(*) FROM auth_revoked_tokens WHERE token_key IN ($1, $5)) + \
            (SELECT COUNT(*) FROM auth_revoked_subjects \
                WHERE subject_key IN ($2, $3) AND issued_until >= $4)";

        let parameters = [
            self.token.as_ref().into(),
            (&self.anywhere).into(),
            (&self.there).into(),
            self.issued_at.into(),
            self.session.as_ref().into(),
        ];
        Ok(connection.one(ASK, &parameters).await?.int(0)? != 0)
    }
}

struct RevokeToken {
    token: [u8; 32],
    until: i64,
}

impl Step for RevokeToken {
    type Output = ();

    const ACCESS: Access = Access::Write;

    async fn run(&self, connection: &mut Connection) -> Result<(), Error> {
        const REVOKE: &str = "INSERT INTO auth_revoked_tokens (token_key, kept_until) \
            VALUES ($1, $2) ON CONFLICT (token_key) DO UPDATE SET kept_until = \
            CASE WHEN excluded.kept_until > auth_revoked_tokens.kept_until \
                THEN excluded.kept_until ELSE auth_revoked_tokens.kept_until END";

        let parameters = [(&self.token).into(), self.until.into()];
        connection.execute(REVOKE, &parameters).await?;
        Ok(())
    }
}

struct RevokeSubject {
    subject: [u8; 32],
    issued_until: i64,
    until: i64,
}

impl Step for RevokeSubject {
    type Output = ();

    const ACCESS: Access = Access::Write;

    async fn run(&self, connection: &mut Connection) -> Result<(), Error> {
        // Both only move forward.
        const REVOKE: &str = "INSERT INTO auth_revoked_subjects \
            (subject_key, issued_until, kept_until) VALUES ($1, $2, $3) \
            ON CONFLICT (subject_key) DO UPDATE SET issued_until = \
            CASE WHEN excluded.issued_until > auth_revoked_subjects.issued_until \
                THEN excluded.issued_until ELSE auth_revoked_subjects.issued_until END, \
            kept_until = CASE WHEN excluded.kept_until > auth_revoked_subjects.kept_until \
                THEN excluded.kept_until ELSE auth_revoked_subjects.kept_until END";

        let parameters = [
            (&self.subject).into(),
            self.issued_until.into(),
            self.until.into(),
        ];
        connection.execute(REVOKE, &parameters).await?;
        Ok(())
    }
}

impl fmt::Debug for SqlRevocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqlRevocations").field(&self.pools).finish()
    }
}
