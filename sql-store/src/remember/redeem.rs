//! The use of a secret.

use auth_layer::SecretDigest;
use session_layer::{RedeemOutcome, Redemption};
use sqlx::Error;

use super::series::decode;
use crate::connection::Connection;
use crate::step::{Access, Step};
use crate::time::millis;

pub(super) struct Redeem(pub(super) SecretDigest, pub(super) Redemption);

impl Step for Redeem {
    type Output = RedeemOutcome;

    const ACCESS: Access = Access::Transaction;

    /// Each statement asks the whole question again, so nothing depends on what is between them: of
    /// two that use one secret the first takes it, and the second finds it to be the one before.
    async fn run(&self, connection: &mut Connection) -> Result<RedeemOutcome, Error> {
        const ROTATE: &str = "UPDATE auth_remembered_logins SET previous_secret = current_secret, \
            replaced_at = $3, current_secret = $4 \
            WHERE series_digest = $1 AND current_secret = $2 AND ends_at > $3 RETURNING login";
        // The clocks of two servers may differ: what is a moment earlier is near too.
        const END: &str = "DELETE FROM auth_remembered_logins \
            WHERE series_digest = $1 AND ends_at > $3 AND (previous_secret IS NULL \
                OR previous_secret <> $2 OR $3 - replaced_at >= $4 OR replaced_at - $3 >= $4) \
            RETURNING login";
        const LIVE: &str =
            "SELECT login FROM auth_remembered_logins WHERE series_digest = $1 AND ends_at > $2";

        let Self(series, redemption) = self;
        let (series, presented) = (series.as_bytes(), redemption.presented.as_bytes());
        let now = millis(redemption.now);
        let grace = i64::try_from(redemption.grace.as_millis()).unwrap_or(i64::MAX);

        let parameters = [
            series.into(),
            presented.into(),
            now.into(),
            redemption.next.as_bytes().into(),
        ];
        if let Some(row) = connection.optional(ROTATE, &parameters).await? {
            return decode(&row).map(RedeemOutcome::Rotated);
        }
        let parameters = [series.into(), presented.into(), now.into(), grace.into()];
        if let Some(row) = connection.optional(END, &parameters).await? {
            return decode(&row).map(RedeemOutcome::Reused);
        }
        let live = connection
            .optional(LIVE, &[series.into(), now.into()])
            .await?;
        live.map_or(Ok(RedeemOutcome::Unknown), |row| {
            decode(&row).map(RedeemOutcome::Repeated)
        })
    }
}
