//! What follows when a secret that was used up comes again.

use auth_layer::{AuthError, Event, EventKind, SecretDigest};

use super::{Current, RequestSession};
use crate::SCHEME;
use crate::remember::{NewSeries, RememberConfig, RememberStore as _, RememberedLogin};

pub(super) const REASON: &str = "remember_secret_reused";

impl RequestSession {
    /// Ends the sessions of a series that a reused secret has ended; `unused` is the one that was made
    /// for this request.
    ///
    /// With the series the store has lost that there is anything to end. So it comes back first, with
    /// `unknown`, a secret that nobody is given: if the rest fails, or the request is dropped, the next
    /// use of the selector, by the thief or by the user, is theft again, and ends the sessions then.
    pub(super) async fn end_stolen(
        &self,
        remember: &RememberConfig,
        series: &SecretDigest,
        unknown: SecretDigest,
        known: RememberedLogin,
        unused: &Current,
    ) -> Result<(), AuthError> {
        let mut event = Event::new(EventKind::TokenReused).with_identity(&known.login);
        event.address = self.address.ip();
        self.config.events().record(&event.with_reason(REASON));

        let user = known.user();
        let ending = NewSeries::new(*series, unknown, known, remember.max_per_user);
        // If this fails, what follows may succeed nevertheless.
        let noted = remember.store.insert(ending).await;
        drop(self.delete(unused).await);
        let sessions = &self.config.sessions;
        let mut ended = sessions.end_sessions_of(&user, series, None, REASON).await;
        if ended.is_ok() {
            ended = remember.store.delete(series).await.map(drop);
        } else if noted.is_err() {
            // Nobody will come back to it: what is left ends by its limits.
            let event = Event::new(EventKind::Unavailable).with_scheme(SCHEME);
            let event = event.with_reason("remember_theft_unfinished");
            self.config.events().record(&event);
        }
        ended
    }
}
