//! What all clones share: the snapshot, and the one attempt.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use auth_layer::{AuthError, AuthErrorKind, Event, EventKind, Events, SharedClock, random_bytes};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::flight::{Flight, Landing, flight};
use super::snapshot::{Known, Snapshot, Timing};
use super::source::{Answer, Source};
use crate::fetch::{HttpError, SecureUrl};
use crate::{KeyLookup, WantedKey};

/// What the issuer's `max-age` may be at least.
const MIN_REFRESH: Duration = Duration::from_secs(60);

/// What the issuer's `max-age` may be at most.
const MAX_REFRESH: Duration = Duration::from_secs(60 * 60);

pub(super) struct Shared {
    source: Source,
    timing: Timing,
    clock: SharedClock,
    events: Events,
    /// Written under the lock of `work` only.
    snapshot: ArcSwap<Snapshot>,
    /// Never held while anything is waited for.
    work: Mutex<Work>,
}

#[derive(Default)]
struct Work {
    flight: Option<Flight>,
    last: Option<Answer>,
    refresher: Option<AbortHandle>,
}

impl Shared {
    pub(super) fn new(source: Source, timing: Timing, clock: SharedClock, events: Events) -> Self {
        Self {
            source,
            timing,
            clock,
            events,
            snapshot: ArcSwap::from_pointee(Snapshot::empty()),
            work: Mutex::default(),
        }
    }

    pub(super) fn url(&self) -> &SecureUrl {
        self.source.url()
    }

    pub(super) fn is_usable(&self) -> bool {
        let now = self.clock.now();
        self.snapshot.load().usable(now, &self.timing).is_some()
    }

    pub(super) fn asked_at(&self) -> Option<SystemTime> {
        let snapshot = self.snapshot.load();
        snapshot.known.as_ref().map(|known| known.asked_at)
    }

    pub(super) fn find(this: &Arc<Self>, wanted: &WantedKey<'_>) -> KeyLookup {
        let snapshot = this.snapshot.load();
        let now = this.clock.now();
        let found = snapshot.find(wanted, now, &this.timing);
        if matches!(found, KeyLookup::Found(_)) && snapshot.is_due(now, &this.timing) {
            this.nudge();
        }
        found
    }

    /// Waits for the attempt that is under way, or for a new one if it is not too early.
    pub(super) async fn refresh(self: &Arc<Self>) -> Result<(), AuthError> {
        let flight = {
            let work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
            self.join_or_start(work)?
        };
        match flight {
            Some(flight) => flight.wait().await,
            None => Ok(()),
        }
    }

    /// Asks in the background, if somebody does not do so just now. The refresher does this in time,
    /// unless its runtime has ended or the machine has slept.
    #[cold]
    fn nudge(self: &Arc<Self>) {
        if let Ok(work) = self.work.try_lock() {
            let _ = self.join_or_start(work);
        }
    }

    /// `None` if an attempt has just succeeded.
    fn join_or_start(
        self: &Arc<Self>,
        mut work: MutexGuard<'_, Work>,
    ) -> Result<Option<Flight>, AuthError> {
        if let Some(flight) = work.flight.as_ref().filter(|one| one.is_under_way()) {
            return Ok(Some(flight.clone()));
        }
        let now = self.clock.now();
        let snapshot = self.snapshot.load();
        if snapshot.is_cooling(now, &self.timing) {
            return match snapshot.has_succeeded() {
                true => Ok(None),
                false => Err(AuthError::unavailable("keys_unavailable")),
            };
        }
        let runtime = Handle::try_current().map_err(|error| {
            AuthError::new(AuthErrorKind::Misconfigured, "no_tokio_runtime").with_source(error)
        })?;
        self.snapshot.store(Arc::new(snapshot.started(now)));
        let (landing, flight) = flight();
        work.flight = Some(flight.clone());
        let last = work.last.clone();
        runtime.spawn(Arc::clone(self).attempt(now, last, landing));
        if work.refresher.as_ref().is_none_or(AbortHandle::is_finished) {
            let refresher = runtime.spawn(keep_fresh(Arc::downgrade(self)));
            work.refresher = Some(refresher.abort_handle());
        }
        Ok(Some(flight))
    }

    async fn attempt(
        self: Arc<Self>,
        asked_at: SystemTime,
        last: Option<Answer>,
        landing: Landing,
    ) {
        let answer = self.source.ask(last).await;
        let outcome = self.settle(asked_at, answer);
        landing.land(outcome);
    }

    fn settle(
        &self,
        asked_at: SystemTime,
        answer: Result<Answer, HttpError>,
    ) -> Result<(), AuthError> {
        let now = self.clock.now();
        let url = self.url().to_string();
        let event = |kind| Event::new(kind).with_object_id(&url);
        match answer {
            Ok(answer) => {
                let known = Known {
                    keys: answer.keys.clone(),
                    asked_at,
                };
                let after = self.refresh_after(answer.max_age);
                let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
                work.last = Some(answer);
                let snapshot = Snapshot::succeeded(known, now, after);
                self.snapshot.store(Arc::new(snapshot));
                drop(work);
                self.events.record(&event(EventKind::KeysFetched));
                Ok(())
            }
            Err(error) => {
                let error = AuthError::from(error);
                let work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
                let snapshot = self.snapshot.load().failed(now, &self.timing);
                let has_old = snapshot.usable(now, &self.timing).is_some();
                self.snapshot.store(Arc::new(snapshot));
                drop(work);
                let kind = match has_old {
                    true => EventKind::StaleKeysUsed,
                    false => EventKind::KeysFetchFailed,
                };
                let event = event(kind).with_reason(error.reason()).with_error(&error);
                self.events.record(&event);
                Err(error)
            }
        }
    }

    /// Within bounds, and less up to a tenth, so that not all instances ask at once.
    fn refresh_after(&self, max_age: Option<Duration>) -> Duration {
        let usual = self.timing.refresh_interval;
        let after = max_age.map_or(usual, |age| age.clamp(MIN_REFRESH, MAX_REFRESH.max(usual)));
        // Without randomness nothing but the spread is lost.
        let [byte] = random_bytes().unwrap_or_default();
        let after = after - after.mul_f64(f64::from(byte) / 2560.0);
        after.max(self.timing.cooldown)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let work = self.work.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(refresher) = &work.refresher {
            refresher.abort();
        }
    }
}

/// Has the keys fetched whenever that is due. It holds nothing while it sleeps.
async fn keep_fresh(shared: Weak<Shared>) {
    loop {
        let Some(wait) = shared.upgrade().map(|shared| {
            let now = shared.clock.now();
            shared.snapshot.load().until_due(now, &shared.timing)
        }) else {
            return;
        };
        // The clock may not be the one that sleeping goes by.
        sleep(wait.max(Duration::from_secs(1))).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let now = shared.clock.now();
        if shared.snapshot.load().is_due(now, &shared.timing) {
            let refreshed = shared.refresh();
            // A failure is an event already.
            let _ = refreshed.await;
        }
    }
}
