//! Refresh tokens of two nodes that share a database.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

#[path = "../../tests/tests/support/refreshing.rs"]
mod refreshing;
mod support;

use auth_layer::SharedRevocations;
use jwt_layer::refresh::SharedRefreshStore;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ref_01_ref_02_two_nodes_on_a_database_are_one() {
    for (_, store, _) in support::databases().await.all {
        refreshing::two_nodes(
            SharedRefreshStore::new(store.refresh_families()),
            SharedRevocations::new(store.revocations()),
        )
        .await;
    }
}
