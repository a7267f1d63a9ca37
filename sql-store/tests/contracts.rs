//! The contract suites of `auth_test`, races included, on each database.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

mod support;

use auth_layer::digest::DigestRecord;
use auth_test::contract;
use login::password::UserRecord;
use sql_store::sqlx::{self, Executor as _};
use sql_store::{InsertedUser, SqlDigestUsers, SqlUsers};

use self::support::{databases, open, postgres};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x_18_sessions_in_sql() {
    for (_, store, _) in databases().await.all {
        contract::session_backend(async || store.sessions()).await;
    }
}

/// Where transactions see the past unless they say otherwise; in a schema of its own, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x_18_sessions_in_a_postgres_with_other_defaults() {
    let url = postgres().create_database();
    let admin = sqlx::PgPool::connect(&url).await.unwrap();
    admin.execute("CREATE SCHEMA auth").await.unwrap();
    let settings = "-c%20search_path%3Dauth%20-c%20default_transaction_isolation%3Dserializable";
    let store = open(&format!("{url}?options={settings}")).await;
    contract::session_backend(async || store.sessions()).await;
    let rows = sqlx::query("SELECT 1 FROM auth.auth_sessions")
        .fetch_all(&admin)
        .await;
    assert!(!rows.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ses_21_x_18_remembered_logins_in_sql() {
    for (_, store, _) in databases().await.all {
        contract::remember_store(async || store.remembered_logins()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ref_02_x_18_refresh_families_in_sql() {
    for (_, store, _) in databases().await.all {
        contract::refresh_store(async || store.refresh_families()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x_18_api_keys_in_sql() {
    for (_, store, _) in databases().await.all {
        contract::api_key_store(async || store.api_keys()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x_18_revocations_in_sql() {
    for (_, store, _) in databases().await.all {
        contract::revocations(async || store.revocations()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x_18_single_use_in_sql() {
    for (_, store, _) in databases().await.all {
        contract::single_use(async || store.single_use()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x_18_signing_keys_in_sql() {
    for (_, store, _) in databases().await.all {
        contract::signing_key_store(async || store.signing_keys()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x_18_users_in_sql() {
    async fn put(users: &SqlUsers, username: &str, record: Option<UserRecord>) {
        match record {
            None => drop(users.remove(username).await.unwrap()),
            Some(record) => {
                if !users.replace(username, record.clone()).await.unwrap() {
                    let inserted = users.insert(username, record).await.unwrap();
                    assert_eq!(inserted, InsertedUser::Done);
                }
            }
        }
    }
    for (_, store, _) in databases().await.all {
        contract::user_store(async || store.users(), put).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x_18_digest_users_in_sql() {
    async fn put(users: &SqlDigestUsers, username: &str, record: Option<DigestRecord>) {
        match record {
            None => drop(users.remove(username).await.unwrap()),
            Some(record) => users.set(username, record).await.unwrap(),
        }
    }
    for (_, store, _) in databases().await.all {
        contract::digest_store("printers", async || store.digest_users("printers"), put).await;
    }
}
