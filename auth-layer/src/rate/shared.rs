//! Any counters, shared and type-erased.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use super::{Charge, RateCounters, TakeOutcome};
use crate::{AuthError, AuthErrorKind};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, AuthError>> + Send + 'a>>;

/// Any [`RateCounters`], shared and type-erased.
///
/// Whatever error the counters return comes out as one that is answered with a server error, so that
/// "could not count" never looks like "too many".
#[derive(Clone)]
pub struct SharedRateCounters(Arc<dyn DynCounters>);

/// The dyn-compatible twin of [`RateCounters`]; the only place that boxes.
trait DynCounters: Send + Sync {
    fn take<'a>(&'a self, charges: &'a [Charge], now: SystemTime) -> BoxFuture<'a, TakeOutcome>;
    fn peek<'a>(&'a self, charges: &'a [Charge], now: SystemTime) -> BoxFuture<'a, TakeOutcome>;
    fn give_back<'a>(&'a self, charges: &'a [Charge], now: SystemTime) -> BoxFuture<'a, ()>;
}

impl<T: RateCounters> DynCounters for T {
    fn take<'a>(&'a self, charges: &'a [Charge], now: SystemTime) -> BoxFuture<'a, TakeOutcome> {
        Box::pin(RateCounters::take(self, charges, now))
    }

    fn peek<'a>(&'a self, charges: &'a [Charge], now: SystemTime) -> BoxFuture<'a, TakeOutcome> {
        Box::pin(RateCounters::peek(self, charges, now))
    }

    fn give_back<'a>(&'a self, charges: &'a [Charge], now: SystemTime) -> BoxFuture<'a, ()> {
        Box::pin(RateCounters::give_back(self, charges, now))
    }
}

impl SharedRateCounters {
    /// Shares `counters`.
    #[must_use]
    pub fn new(counters: impl RateCounters) -> Self {
        Self(Arc::new(counters))
    }
}

impl<C: RateCounters> From<Arc<C>> for SharedRateCounters {
    fn from(counters: Arc<C>) -> Self {
        Self(counters)
    }
}

impl RateCounters for SharedRateCounters {
    async fn take(&self, charges: &[Charge], now: SystemTime) -> Result<TakeOutcome, AuthError> {
        self.0.take(charges, now).await.map_err(could_not_count)
    }

    async fn peek(&self, charges: &[Charge], now: SystemTime) -> Result<TakeOutcome, AuthError> {
        self.0.peek(charges, now).await.map_err(could_not_count)
    }

    async fn give_back(&self, charges: &[Charge], now: SystemTime) -> Result<(), AuthError> {
        let given = self.0.give_back(charges, now).await;
        given.map_err(could_not_count)
    }
}

/// So that counters can be kept beside what they limit.
impl<C: RateCounters> RateCounters for Arc<C> {
    async fn take(&self, charges: &[Charge], now: SystemTime) -> Result<TakeOutcome, AuthError> {
        (**self).take(charges, now).await
    }

    async fn peek(&self, charges: &[Charge], now: SystemTime) -> Result<TakeOutcome, AuthError> {
        (**self).peek(charges, now).await
    }

    async fn give_back(&self, charges: &[Charge], now: SystemTime) -> Result<(), AuthError> {
        (**self).give_back(charges, now).await
    }
}

/// An error of the counters is never about the client.
#[cold]
fn could_not_count(error: AuthError) -> AuthError {
    match error.kind() {
        AuthErrorKind::Internal | AuthErrorKind::Misconfigured | AuthErrorKind::Unavailable => {
            error
        }
        _ => AuthError::unavailable("rate_counters").with_source(error),
    }
}

impl fmt::Debug for SharedRateCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedRateCounters")
    }
}

#[cfg(test)]
mod tests {
    // Not `DynCounters`, whose methods have the same names.
    use std::time::SystemTime;

    use super::SharedRateCounters;
    use crate::{AuthError, AuthErrorKind, Charge, RateCounters, TakeOutcome};

    #[tokio::test]
    async fn x_06_no_error_of_counters_looks_like_a_limit() {
        struct Failing(AuthErrorKind);
        impl Failing {
            fn error(&self) -> AuthError {
                AuthError::new(self.0, "their_reason")
            }
        }
        impl RateCounters for Failing {
            async fn take(&self, _: &[Charge], _: SystemTime) -> Result<TakeOutcome, AuthError> {
                Err(self.error())
            }
            async fn peek(&self, _: &[Charge], _: SystemTime) -> Result<TakeOutcome, AuthError> {
                Err(self.error())
            }
            async fn give_back(&self, _: &[Charge], _: SystemTime) -> Result<(), AuthError> {
                Err(self.error())
            }
        }
        for (kind, status) in [
            (AuthErrorKind::Limited, 503),
            (AuthErrorKind::Invalid, 503),
            (AuthErrorKind::Absent, 503),
            (AuthErrorKind::Unavailable, 503),
            (AuthErrorKind::Internal, 500),
        ] {
            let shared = SharedRateCounters::new(Failing(kind));
            let now = SystemTime::now();
            for error in [
                shared.take(&[], now).await.unwrap_err(),
                shared.peek(&[], now).await.unwrap_err(),
                shared.give_back(&[], now).await.unwrap_err(),
            ] {
                assert_eq!(error.status(), status, "{kind:?}");
            }
        }
    }
}
