//! Stores with one fault each, as they are written by mistake. The suites have to find it, and to
//! name the line of the contract.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

mod digest;
mod keys;
mod near_cache;
mod rates;
mod refreshed;
mod remembered;
mod revocations;
mod session_faults;
mod sessions;
mod signing_keys;
mod single_use;
mod users;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::runtime::Builder;
use tokio::task::yield_now;

/// Where a store that takes two steps for one lets others in between.
async fn between_two_steps() {
    yield_now().await;
}

/// Runs a suite on threads of its own. What it panicked with, if it did.
fn verdict(suite: impl Future<Output = ()>) -> Result<(), String> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(4)
        .build()
        .unwrap();
    let run = || runtime.block_on(suite);
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| message(&*panic))
}

fn message(panic: &(dyn Any + Send)) -> String {
    match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
        (Some(text), _) => text.clone(),
        (_, Some(text)) => (*text).to_owned(),
        _ => panic!("a suite panics with a text"),
    }
}

/// The suite must fail with one of these lines.
#[track_caller]
fn assert_found(fault: &dyn std::fmt::Debug, verdict: Result<(), String>, lines: &[&str]) {
    match verdict {
        Ok(()) => panic!("{fault:?} was not found"),
        Err(message) => {
            let named = lines.iter().any(|line| message.contains(line));
            assert!(
                named && message.contains("contract broken"),
                "{fault:?}: {message}"
            );
        }
    }
}
