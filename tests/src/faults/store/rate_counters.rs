//! Counters of rates.

use std::time::SystemTime;

use auth_layer::{AuthError, Charge, RateCounters, TakeOutcome};

use crate::Faulty;

impl<S: RateCounters> RateCounters for Faulty<S> {
    async fn take(&self, charges: &[Charge], now: SystemTime) -> Result<TakeOutcome, AuthError> {
        self.faults.call().await?;
        self.store().take(charges, now).await
    }

    async fn peek(&self, charges: &[Charge], now: SystemTime) -> Result<TakeOutcome, AuthError> {
        self.faults.call().await?;
        self.store().peek(charges, now).await
    }

    async fn give_back(&self, charges: &[Charge], now: SystemTime) -> Result<(), AuthError> {
        self.faults.call().await?;
        self.store().give_back(charges, now).await
    }
}
