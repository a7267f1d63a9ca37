//! The contract suites of `auth_test`, races included, on each database.

mod support;

use auth_layer::digest::DigestRecord;
use auth_test::contract;
use login::password::UserRecord;
use sql_store::{InsertedUser, SqlDigestUsers, SqlUsers};

use self::support::databases;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x_18_sessions_in_sql() {
    for (_, store, _) in databases().await.all {
        contract::session_backend(async || store.sessions()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn x_18_remembered_logins_in_sql() {
    for (_, store, _) in databases().await.all {
        contract::remember_store(async || store.remembered_logins()).await;
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
