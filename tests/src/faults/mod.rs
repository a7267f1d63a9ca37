//! Stores that fail, hang and recover when a test says so.

mod faulty;
mod store;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use auth_layer::AuthError;
use tokio::sync::watch;

pub use self::faulty::Faulty;

/// Decides what becomes of the calls to a [`Faulty`] store. Clones decide together, and one may be
/// shared by several stores.
///
/// Failing and pausing are independent: a store that is paused and told to fail keeps its callers
/// waiting, and fails them after [`resume`](Self::resume). No method sleeps, so a test of a hanging
/// store takes no time.
///
/// ```
/// use auth_layer::digest::{DigestStore as _, MemoryDigestStore};
/// use auth_test::{Faults, Faulty};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let faults = Faults::new();
/// let store = Faulty::new(MemoryDigestStore::new("printers"), &faults);
/// assert!(store.find("ann").await.is_ok());
/// faults.fail_once();
/// assert_eq!(store.find("ann").await.unwrap_err().reason(), "injected_fault");
/// assert!(store.find("ann").await.is_ok());
/// assert_eq!(faults.calls(), 3);
/// # }
/// ```
#[derive(Clone)]
pub struct Faults {
    inner: Arc<Inner>,
}

struct Inner {
    plan: watch::Sender<Plan>,
    calls: AtomicUsize,
    waiting: watch::Sender<usize>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Plan {
    paused: bool,
    failing: Failing,
}

#[derive(Clone, Copy, Debug, Default)]
enum Failing {
    Always,
    #[default]
    Never,
    Times(usize),
}

impl Plan {
    const fn is_sound(self) -> bool {
        !self.paused && matches!(self.failing, Failing::Never)
    }
}

impl Faults {
    /// No faults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            inner: Arc::new(Inner {
                plan: watch::Sender::default(),
                calls: AtomicUsize::new(0),
                waiting: watch::Sender::default(),
            }),
        }
    }

    /// Every call fails, until [`heal`](Self::heal).
    ///
    /// A call that fails does not reach the store. Its error is
    /// [`Unavailable`](auth_layer::AuthErrorKind::Unavailable), with the reason `injected_fault`.
    pub fn fail(&self) {
        self.plan(|plan| plan.failing = Failing::Always);
    }

    /// The next call fails.
    pub fn fail_once(&self) {
        self.fail_times(1);
    }

    /// The next `times` calls fail. For 0 it is as if nothing had been asked for.
    pub fn fail_times(&self, times: usize) {
        self.plan(|plan| {
            plan.failing = match times {
                0 => Failing::Never,
                times => Failing::Times(times),
            };
        });
    }

    /// Every call waits, as if the store hung, until [`resume`](Self::resume) or
    /// [`heal`](Self::heal).
    pub fn pause(&self) {
        self.plan(|plan| plan.paused = true);
    }

    /// Calls that wait go on, and new ones do not wait. If the store was told to fail, they fail.
    pub fn resume(&self) {
        self.plan(|plan| plan.paused = false);
    }

    /// Ends all faults. Calls that wait go on.
    pub fn heal(&self) {
        self.plan(|plan| *plan = Plan::default());
    }

    /// How many calls were made, whatever became of them.
    pub fn calls(&self) -> usize {
        self.inner.calls.load(Ordering::SeqCst)
    }

    /// How many calls wait now. A call that is dropped while it waits is no longer counted.
    pub fn waiting(&self) -> usize {
        *self.inner.waiting.borrow()
    }

    /// Returns when at least `calls` calls wait: then the code under test has come to the store.
    pub async fn until_waiting(&self, calls: usize) {
        let mut waiting = self.inner.waiting.subscribe();
        // It fails only without a sender, and `self` holds one.
        let _ = waiting.wait_for(|waiting| *waiting >= calls).await;
    }

    /// What a call does before it asks its store: for stores of your own kind.
    ///
    /// ```
    /// use auth_layer::AuthError;
    /// use auth_test::Faults;
    ///
    /// struct FaultyMailer(Faults);
    ///
    /// impl FaultyMailer {
    ///     async fn send(&self, to: &str) -> Result<(), AuthError> {
    ///         self.0.call().await?;
    ///         // ...
    ///         # let _ = to;
    ///         Ok(())
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if a fault is set.
    pub async fn call(&self) -> Result<(), AuthError> {
        self.inner.calls.fetch_add(1, Ordering::SeqCst);
        self.until_resumed().await;
        let mut fails = false;
        self.inner.plan.send_if_modified(|plan| {
            (fails, plan.failing) = match plan.failing {
                Failing::Always => (true, Failing::Always),
                Failing::Never | Failing::Times(0) => (false, Failing::Never),
                Failing::Times(1) => (true, Failing::Never),
                Failing::Times(times) => (true, Failing::Times(times - 1)),
            };
            false
        });
        if fails {
            return Err(AuthError::unavailable("injected_fault"));
        }
        Ok(())
    }

    /// As [`call`](Self::call), for a method that answers without waiting. If a fault is set it is
    /// `None`, so that the caller asks the method that waits and meets the fault there.
    pub fn call_now<T>(&self, answer: impl FnOnce() -> Option<T>) -> Option<T> {
        if !self.inner.plan.borrow().is_sound() {
            return None;
        }
        let answer = answer()?;
        self.inner.calls.fetch_add(1, Ordering::SeqCst);
        Some(answer)
    }

    async fn until_resumed(&self) {
        let mut plan = self.inner.plan.subscribe();
        if !plan.borrow().paused {
            return;
        }
        let _waiting = Waiting::new(&self.inner.waiting);
        let _ = plan.wait_for(|plan| !plan.paused).await;
    }

    fn plan(&self, change: impl FnOnce(&mut Plan)) {
        self.inner.plan.send_modify(change);
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = *self.inner.plan.borrow();
        f.debug_struct("Faults")
            .field("paused", &plan.paused)
            .field("failing", &plan.failing)
            .field("calls", &self.calls())
            .field("waiting", &self.waiting())
            .finish()
    }
}

/// Counts a call as waiting for as long as it lives.
struct Waiting<'a>(&'a watch::Sender<usize>);

impl<'a> Waiting<'a> {
    fn new(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn so_many_calls_fail_as_were_asked_for() {
        let faults = Faults::new();
        for (times, fails) in [
            (0, [false, false, false]),
            (1, [true, false, false]),
            (2, [true, true, false]),
        ] {
            faults.fail_times(times);
            for fails in fails {
                assert_eq!(faults.call().await.is_err(), fails, "{times}");
            }
        }
        faults.fail();
        assert!(faults.call().await.is_err());
        assert!(faults.call().await.is_err());
        faults.heal();
        assert!(faults.call().await.is_ok());
        assert_eq!(faults.calls(), 12);
    }

    #[tokio::test]
    async fn paused_calls_wait_until_they_may_go_on() {
        let faults = Faults::new();
        faults.pause();
        let call = || {
            let faults = faults.clone();
            tokio::spawn(async move { faults.call().await })
        };
        let (first, second, dropped) = (call(), call(), call());
        faults.until_waiting(3).await;
        dropped.abort();
        assert!(dropped.await.unwrap_err().is_cancelled());
        assert_eq!(faults.waiting(), 2);
        faults.fail_once();
        faults.resume();
        let failed = [
            first.await.unwrap().is_err(),
            second.await.unwrap().is_err(),
        ];
        assert_ne!(failed[0], failed[1]);
        assert_eq!(faults.waiting(), 0);
    }

    #[test]
    fn an_answer_without_waiting_needs_a_sound_store() {
        let faults = Faults::new();
        assert_eq!(faults.call_now(|| Some(1)), Some(1));
        assert_eq!(faults.call_now(|| None::<u8>), None);
        faults.fail_once();
        assert_eq!(faults.call_now(|| Some(1)), None);
        faults.heal();
        faults.pause();
        assert_eq!(faults.call_now(|| Some(1)), None);
        assert_eq!(faults.calls(), 1);
    }
}
