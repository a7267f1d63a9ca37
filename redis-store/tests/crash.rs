//! A Redis that keeps what it acknowledges, killed while API keys are changed.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

mod common;
#[path = "../../tests/tests/support/crashing_keys.rs"]
mod keys;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use test_servers::RedisServer;
use tokio::task::JoinHandle;

const TASKS: usize = 8;
/// How many acknowledgements the crash waits for.
const ENOUGH: usize = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn apk_05_apk_06_x_18_a_redis_that_is_killed_keeps_each_key_as_it_was_acknowledged() {
    let durable = ["--appendonly", "yes", "--appendfsync", "always"];
    let mut server = RedisServer::start_with(&durable);
    for _ in 0..3 {
        let store = common::store(&server);
        let told = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let told = Arc::clone(&told);
                let tell = move |line| told.lock().unwrap().push(line);
                tokio::spawn(keys::come_and_go(store.api_keys(), task, tell))
            })
            .collect();
        let is_over = |task: &JoinHandle<_>| task.is_finished();
        while told.lock().unwrap().len() < ENOUGH && !tasks.iter().any(is_over) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.kill();
        for task in tasks {
            // It ends with the store.
            let _ = task.await.unwrap();
        }
        server.restart();
        let told = std::mem::take(&mut *told.lock().unwrap());
        assert!(told.len() >= ENOUGH, "a task has ended by itself");
        let keys = common::store(&server).api_keys();
        keys::check(&keys, &told, TASKS).await;
        for task in 0..TASKS {
            keys::clear(&keys, task).await;
        }
    }
}
