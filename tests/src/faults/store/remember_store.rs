//! Remembered logins.

use auth_layer::{AuthError, SecretDigest};
use session_layer::{
    NewSeries, RedeemOutcome, Redemption, RememberStore, RememberedLogin, UserKey,
};

use crate::Faulty;

impl<S: RememberStore> RememberStore for Faulty<S> {
    async fn insert(&self, series: NewSeries) -> Result<bool, AuthError> {
        self.faults.call().await?;
        self.store().insert(series).await
    }

    async fn find(&self, series: &SecretDigest) -> Result<Option<RememberedLogin>, AuthError> {
        self.faults.call().await?;
        self.store().find(series).await
    }

    async fn redeem(
        &self,
        series: &SecretDigest,
        redemption: Redemption,
    ) -> Result<RedeemOutcome, AuthError> {
        self.faults.call().await?;
        self.store().redeem(series, redemption).await
    }

    async fn delete(&self, series: &SecretDigest) -> Result<bool, AuthError> {
        self.faults.call().await?;
        self.store().delete(series).await
    }

    async fn delete_all(
        &self,
        user: &UserKey,
        except: Option<&SecretDigest>,
    ) -> Result<usize, AuthError> {
        self.faults.call().await?;
        self.store().delete_all(user, except).await
    }
}
