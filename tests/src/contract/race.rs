//! Many tasks at once, and tasks that are dropped half-way.

use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Barrier;

/// Refuses to run where nothing happens at the same time.
pub(super) fn need_threads() {
    assert!(
        Handle::current().runtime_flavor() != RuntimeFlavor::CurrentThread,
        "contract suites need threads: #[tokio::test(flavor = \"multi_thread\", worker_threads = 4)]"
    );
}

/// Runs all futures at once and returns what they return, in their order.
pub(super) async fn race<T, F>(futures: impl IntoIterator<Item = F>) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let futures: Vec<_> = futures.into_iter().collect();
    let start = Arc::new(Barrier::new(futures.len()));
    let tasks: Vec<_> = futures
        .into_iter()
        .map(|future| {
            let start = Arc::clone(&start);
            tokio::spawn(async move {
                start.wait().await;
                future.await
            })
        })
        .collect();
    let mut results = Vec::with_capacity(tasks.len());
    for task in tasks {
        match task.await {
            Ok(result) => results.push(result),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(error) => panic!("the runtime is shutting down: {error}"),
            },
        }
    }
    results
}

/// Drops a future when it has waited more than `waits` times; `None` then.
pub(super) async fn drop_after<T>(waits: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = waits;
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

/// Whether `holds` becomes true soon: a server may still be at work on what was dropped here.
#[cfg(any(
    feature = "apikey",
    feature = "jwt",
    feature = "login",
    feature = "session"
))]
pub(super) async fn soon(holds: impl AsyncFn() -> bool) -> bool {
    let begun = Instant::now();
    for round in 0.. {
        if holds().await {
            return true;
        }
        if round >= 200 && begun.elapsed() > Duration::from_secs(2) {
            break;
        }
        tokio::task::yield_now().await;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_race_returns_in_order_and_passes_panics_on() {
        let results = race((0..20).map(|n| async move { n })).await;
        assert_eq!(results, (0..20).collect::<Vec<_>>());
        let lost = tokio::spawn(race(
            (0..2).map(|n| async move { assert_eq!(n, 0, "second") }),
        ));
        let panic = lost.await.unwrap_err().into_panic();
        assert!(panic.downcast_ref::<String>().unwrap().contains("second"));
    }

    #[tokio::test]
    async fn a_future_is_dropped_after_so_many_waits() {
        for (waits, done) in [(0, false), (1, false), (2, true)] {
            let future = async {
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
            };
            assert_eq!(drop_after(waits, future).await.is_some(), done, "{waits}");
        }
    }
}
