//! Writing again and again.

use std::sync::Arc;
use std::time::Duration;

use auth_layer::{AuthError, Event, random_bytes};
use tokio::time::{sleep, timeout};

use super::LastUses;

/// The longest that one write may take; the rest of it is for the next one.
const TIMEOUT: Duration = Duration::from_secs(30);

impl LastUses {
    /// Calls [`flush`](Self::flush) every [`interval`](Self::interval), give or take a third. Spawn it
    /// on a Tokio runtime with time. When nobody else has this value any more, it writes what is left and
    /// ends.
    ///
    /// What fails, or takes longer than 30 seconds, is told as an event and tried again the next time.
    pub fn run(&self) -> impl Future<Output = ()> + Send + use<> {
        let uses = self.clone();
        async move {
            loop {
                sleep(jittered(uses.interval)).await;
                let is_alone = Arc::strong_count(&uses.marks) == 1;
                let written = timeout(TIMEOUT, uses.flush()).await;
                if let Err(error) = written.unwrap_or_else(|_| Err(timed_out())) {
                    uses.tell(error);
                }
                if is_alone {
                    return;
                }
            }
        }
    }

    fn tell(&self, error: AuthError) {
        let error = AuthError::unavailable("last_uses_not_written").with_source(error);
        self.events
            .record(&Event::refused(&error).with_scheme("api-key"));
    }
}

fn timed_out() -> AuthError {
    AuthError::unavailable("last_uses_timed_out")
}

/// Two thirds to four thirds: nodes that were started together do not write together.
fn jittered(interval: Duration) -> Duration {
    let [random] = random_bytes().unwrap_or([128]);
    interval.mul_f64((2.0 + 2.0 * f64::from(random) / 255.0) / 3.0)
}
