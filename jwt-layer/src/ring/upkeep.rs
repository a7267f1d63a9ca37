//! Asking the store: taking over what is there, and changing it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use auth_layer::{AuthError, Event, EventKind, random_bytes};
use tokio::time::{sleep, timeout};

use super::SigningKeyStore as _;
use super::builder::Options;
use super::document::{Document, Record};
use super::key_ring::{Inner, KeyRing};
use super::snapshot::Snapshot;

/// How often a change is tried that others got in the way of.
const TRIES: u32 = 20;

/// What is to be done with the document, besides taking it over.
#[derive(Clone)]
pub(super) enum Change {
    Nothing,
    /// Rotate if it is time for it.
    IfDue,
    /// Rotate if this is the newest key still.
    Rotate(Option<Box<str>>),
    Revoke(Box<str>),
}

/// What a change came to.
enum Done {
    Nothing,
    /// With the kid of the new key.
    Rotated(Box<str>),
    Revoked,
}

impl KeyRing {
    /// Carries a change to its end, also if nobody waits for it any more. Returns whether it changed what it
    /// was to change.
    pub(super) async fn change(&self, change: Change) -> Result<bool, AuthError> {
        let inner = Arc::clone(&self.inner);
        let task = tokio::spawn(async move { inner.change(&change).await });
        match task.await {
            Ok(result) => result,
            Err(error) => {
                Err(AuthError::unavailable("signing_keys_interrupted").with_source(error))
            }
        }
    }
}

impl Inner {
    pub(super) async fn change(&self, change: &Change) -> Result<bool, AuthError> {
        let _turn = self.turn.lock().await;
        let Self { options, .. } = self;
        let mut is_told = false;
        for _ in 0..TRIES {
            let stored = self.in_time(options.store.load(&options.name)).await?;
            let read = stored.as_ref().map(|bytes| self.read(bytes)).transpose()?;
            let held = self.snapshot.load_full().map(|it| it.document.clone());
            let held = held.unwrap_or_default();
            let (mut document, is_lost) = match read {
                Some(read) if read.generation >= held.generation => {
                    self.take_over(read.clone())?;
                    (read, false)
                }
                // What the store has lost is put back, also if somebody put something older there: it
                // may have a key that was taken out.
                older => {
                    if older.is_some() && !is_told {
                        is_told = true;
                        let error = AuthError::unavailable("signing_keys_rolled_back");
                        let event = Event::refused(&error);
                        options.events.record(&event.with_scheme("bearer"));
                    }
                    (held, true)
                }
            };
            let (done, is_changed) = self.apply(change, &mut document)?;
            if !is_lost && !is_changed {
                return Ok(false);
            }
            document.generation = document.generation.saturating_add(1);
            let bytes = options.protection.write(&options.name, &document)?;
            // Before it is written: keys that this node cannot use must not be those of all.
            let snapshot = Snapshot::new(document, self.snapshot.load().as_deref())?;
            let replace = options
                .store
                .replace(&options.name, stored.as_deref(), &bytes);
            if self.in_time(replace).await? {
                self.snapshot.store(Some(Arc::new(snapshot)));
                self.tell(&done, change);
                return Ok(!matches!(done, Done::Nothing));
            }
        }
        Err(AuthError::unavailable("signing_keys_contended"))
    }

    /// Makes the change in a document, and says whether the document is another now.
    fn apply(&self, change: &Change, document: &mut Document) -> Result<(Done, bool), AuthError> {
        let (now, times) = (self.now(), self.options.times);
        let generate = || Record::generate(self.options.algorithm);
        let mut is_changed = document.delete_ended(now);
        let mut done = Done::Nothing;
        if document.keys.is_empty() {
            let mut first = generate()?;
            first.schedule.from = now;
            document.keys.push(first);
            is_changed = true;
        }
        let is_announced = document.is_announced(now);
        let rotates = match change {
            Change::Nothing | Change::Revoke(_) => false,
            Change::IfDue => !is_announced && document.is_rotation_due(now, times),
            Change::Rotate(newest) => !is_announced && document.newest() == newest.as_deref(),
        };
        if rotates {
            let next = generate()?;
            done = Done::Rotated(next.kid.clone());
            document.rotate(next, now, times)?;
        }
        if let Change::Revoke(kid) = change
            && document.revoke(kid, now, generate)?
        {
            done = Done::Revoked;
        }
        is_changed |= !matches!(done, Done::Nothing);
        Ok((done, is_changed))
    }

    fn read(&self, bytes: &[u8]) -> Result<Document, AuthError> {
        let Options {
            protection, name, ..
        } = &self.options;
        protection.read(name, bytes)
    }

    fn take_over(&self, document: Document) -> Result<(), AuthError> {
        let snapshot = Snapshot::new(document, self.snapshot.load().as_deref())?;
        self.snapshot.store(Some(Arc::new(snapshot)));
        Ok(())
    }

    async fn in_time<T>(
        &self,
        asked: impl Future<Output = Result<T, AuthError>>,
    ) -> Result<T, AuthError> {
        let answer = timeout(self.options.store_timeout, asked).await;
        answer.unwrap_or_else(|_| Err(timed_out()))
    }

    fn tell(&self, done: &Done, change: &Change) {
        let event = match (done, change) {
            (Done::Rotated(kid), _) => Event::new(EventKind::SigningKeyRotated).with_object_id(kid),
            (Done::Revoked, Change::Revoke(kid)) => Event::new(EventKind::Revoked)
                .with_reason("signing_key")
                .with_object_id(kid),
            _ => return,
        };
        self.options.events.record(&event.with_scheme("bearer"));
    }
}

#[cold]
pub(super) fn timed_out() -> AuthError {
    AuthError::unavailable("signing_keys_timed_out")
}

pub(super) async fn run(ring: Weak<Inner>, every: Duration) {
    loop {
        sleep(jittered(every)).await;
        let Some(inner) = ring.upgrade() else {
            return;
        };
        let ring = KeyRing { inner };
        if let Err(error) = ring.update().await {
            ring.inner.options.events.record(&Event::refused(&error));
        }
    }
}

/// Four fifths to six fifths: nodes that were started together do not ask together.
fn jittered(every: Duration) -> Duration {
    let [random] = random_bytes().unwrap_or([128]);
    every.mul_f64(0.8 + 0.4 * f64::from(random) / 255.0)
}
