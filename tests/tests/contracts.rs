//! The contract suites: the stores in memory pass them, and stores with one fault each do not.

mod broken;

use apikey_layer::{CachedApiKeys, MemoryApiKeys};
use auth_layer::digest::{DigestStore as _, MemoryDigestStore, MemoryNonceCounters};
use auth_layer::{
    MemoryRateCounters, MemoryRevocations, MemorySingleUse, SharedRateCounters, SharedSingleUse,
};
use auth_test::{Faults, Faulty, contract};
use jwt_layer::MemorySigningKeys;
use jwt_layer::refresh::{MemoryRefreshStore, SharedRefreshStore};
use login::password::MemoryUserStore;
use session_layer::{MemoryRememberStore, MemorySessionBackend};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x_18_sessions_in_memory() {
    contract::session_backend(async || MemorySessionBackend::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ses_21_remembered_logins_in_memory() {
    contract::remember_store(async || MemoryRememberStore::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ref_02_refresh_families_in_memory() {
    contract::refresh_store(async || MemoryRefreshStore::new()).await;
    let shared = SharedRefreshStore::new(MemoryRefreshStore::new());
    contract::refresh_store(async || shared.clone()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x_18_api_keys_in_memory() {
    contract::api_key_store(async || MemoryApiKeys::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x_18_api_keys_whose_answers_are_remembered() {
    contract::api_key_store(async || CachedApiKeys::new(MemoryApiKeys::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x_18_revocations_in_memory() {
    contract::revocations(async || MemoryRevocations::new()).await;
    contract::revocations_over_time(async |clock| MemoryRevocations::new().clock(clock)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x_18_signing_keys_in_memory() {
    contract::signing_key_store(async || MemorySigningKeys::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x_18_users_in_memory() {
    contract::user_store(
        async || MemoryUserStore::new(),
        async |store, username, record| match record {
            Some(record) => drop(store.insert(username, record)),
            None => drop(store.remove(username)),
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x_18_digest_users_in_memory() {
    contract::digest_store(
        "printers",
        async || MemoryDigestStore::new("printers"),
        async |store, username, record| match record {
            Some(record) => store.set(username, record),
            None => {
                store.remove(username);
            }
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x_18_nonce_counters_in_memory() {
    contract::nonce_counters(async || MemoryNonceCounters::new()).await;
    contract::nonce_counters_over_time(async |clock| MemoryNonceCounters::new().clock(clock)).await;
    for capacity in [1, 10, 1_000] {
        contract::nonce_counters_when_full(async || {
            MemoryNonceCounters::with_capacity(capacity).unwrap()
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x_18_rate_counters_in_memory() {
    contract::rate_counters(async || MemoryRateCounters::new()).await;
    contract::rate_counters(async || SharedRateCounters::new(MemoryRateCounters::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x_18_single_use_in_memory() {
    contract::single_use(async || MemorySingleUse::new()).await;
    contract::single_use(async || SharedSingleUse::new(MemorySingleUse::new())).await;
    for capacity in [1, 10, 1_000] {
        contract::single_use_when_full(async || MemorySingleUse::with_capacity(capacity).unwrap())
            .await;
    }
}

/// A suite asks the same store again and again, and a store without faults passes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_healthy_faulty_store_keeps_the_contract() {
    let faults = Faults::new();
    let sessions = Faulty::new(MemorySessionBackend::new(), &faults);
    contract::session_backend(async || sessions.clone()).await;
    let refreshed = Faulty::new(MemoryRefreshStore::new(), &faults);
    contract::refresh_store(async || refreshed.clone()).await;
    let remembered = Faulty::new(MemoryRememberStore::new(), &faults);
    contract::remember_store(async || remembered.clone()).await;
    let keys = Faulty::new(MemoryApiKeys::new(), &faults);
    contract::api_key_store(async || keys.clone()).await;
    let counters = Faulty::new(MemoryNonceCounters::new(), &faults);
    contract::nonce_counters(async || counters.clone()).await;
    let rates = Faulty::new(MemoryRateCounters::new(), &faults);
    contract::rate_counters(async || rates.clone()).await;
    let revocations = Faulty::new(MemoryRevocations::new(), &faults);
    contract::revocations(async || revocations.clone()).await;
    let used = Faulty::new(MemorySingleUse::new(), &faults);
    contract::single_use(async || used.clone()).await;
    let signing_keys = Faulty::new(MemorySigningKeys::new(), &faults);
    contract::signing_key_store(async || signing_keys.clone()).await;
    assert!(faults.calls() > 1_000);

    let users = Faulty::new(MemoryDigestStore::new("printers"), &faults);
    faults.fail();
    assert!(users.find("ann").await.is_err());
}

#[tokio::test]
#[should_panic(expected = "contract suites need threads")]
async fn a_suite_of_races_refuses_one_thread() {
    contract::nonce_counters(async || MemoryNonceCounters::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[should_panic(expected = "the store could not be asked: injected_fault")]
async fn a_store_that_fails_does_not_pass() {
    let faults = Faults::new();
    let keys = Faulty::new(MemoryApiKeys::new(), &faults);
    contract::api_key_store(async || keys.clone()).await;
    let counters = Faulty::new(MemoryNonceCounters::new(), &faults);
    faults.fail();
    contract::nonce_counters(async || counters.clone()).await;
}
