//! Listing API keys, clearing them up, and rows that are not to be trusted.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod support;

use std::time::{Duration, SystemTime};

use apikey_layer::{
    ApiKeyStore as _, DisabledBy, KeyFormat, KeyId, KeyRecord, Owner, Rotated, Rotation,
};
use auth_layer::{AuthErrorKind, SecretDigest, random_bytes};
use sql_store::{SqlApiKeys, SqlDatabase};

use self::support::{Databases, Folder, databases, postgres, run};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MILLISECOND: Duration = Duration::from_millis(1);

fn record(owner: &str, created: SystemTime) -> KeyRecord {
    let key = KeyFormat::live("sk").unwrap().generate().unwrap();
    KeyRecord::new(*key.id(), key.digest(), Owner::new(owner), created)
}

/// A key of ann, whose record is changed by `change` first.
async fn insert(keys: &SqlApiKeys, change: impl FnOnce(KeyRecord) -> KeyRecord) -> KeyId {
    let record = change(record("ann", SystemTime::now()));
    let id = *record.id();
    keys.insert(record, 1_000).await.unwrap();
    id
}

async fn exists(keys: &SqlApiKeys, id: &KeyId) -> bool {
    keys.find(id).await.unwrap().is_some()
}

#[tokio::test]
async fn an_operator_lists_the_keys_of_all_owners_in_pages() {
    let folder = Folder::new();
    for url in [folder.url(), postgres().create_database()] {
        let database = SqlDatabase::connect(&url).await.unwrap();
        database.migrate().await.unwrap();
        let keys = database.store().await.unwrap().api_keys();
        let mut made = Vec::new();
        for owner in ["ann", "bob", "ann", "cid", "bob"] {
            let key = KeyFormat::live("sk").unwrap().generate().unwrap();
            let now = SystemTime::now();
            let record = KeyRecord::new(*key.id(), key.digest(), Owner::new(owner), now);
            keys.insert(record, 10).await.unwrap();
            made.push(*key.id());
        }
        made.sort_unstable();
        let mut listed = Vec::new();
        loop {
            let page = keys.list_all(listed.last(), 2).await.unwrap();
            listed.extend(page.iter().map(|record| *record.id()));
            if page.len() < 2 {
                break;
            }
        }
        assert_eq!(listed, made, "{url}");
    }
}

/// A limit that is not known here must not be as if there were none.
#[tokio::test]
async fn x_06_a_row_that_is_not_understood_is_an_error_and_no_key_without_limits() {
    for (name, store, url) in databases().await.all {
        if url.contains("memory") {
            continue; // nobody else gets at it
        }
        let keys = store.api_keys();
        let id = insert(&keys, |record| record).await;
        let other = insert(&keys, |record| record).await;
        let found = keys.find(&id).await.unwrap().unwrap();
        let digest = SecretDigest::from_bytes(random_bytes().unwrap());
        let rotation = Rotation::new(found.digest(), digest, SystemTime::now(), SystemTime::now());
        let rotated = keys.rotate(&id, &rotation).await.unwrap();
        assert_eq!(rotated, Rotated::Done, "{name}");
        for (damage, repair) in [
            ("previous_replaced_at = NULL", "previous_replaced_at = 1"),
            ("previous_valid_until = NULL", "previous_valid_until = 1"),
            (
                r#"attributes = replace(attributes, '{', '{"max_uses":1,')"#,
                r#"attributes = replace(attributes, '{"max_uses":1,', '{')"#,
            ),
            (
                r#"attributes = replace(attributes, '{', '{"networks":["10.0.0.0/33"],')"#,
                r#"attributes = replace(attributes, '"networks":["10.0.0.0/33"],', '')"#,
            ),
            (
                r#"attributes = replace(attributes, 'subject', 'subjects')"#,
                r#"attributes = replace(attributes, 'subjects', 'subject')"#,
            ),
        ] {
            let sql = |set| format!("UPDATE auth_api_keys SET {set} WHERE key_id = '{id}'");
            run(&url, &sql(damage)).await;
            let owner = Owner::new("ann");
            let errors = [
                keys.find(&id).await.map(drop),
                keys.list(&owner, None, 10).await.map(drop),
                keys.list_all(None, 10).await.map(drop),
            ];
            for result in errors {
                let error = result.expect_err(damage);
                assert_eq!(error.kind(), AuthErrorKind::Unavailable, "{name}: {damage}");
            }
            assert!(exists(&keys, &other).await, "{name}: {damage}");
            run(&url, &sql(repair)).await;
            assert!(exists(&keys, &id).await, "{name}: {repair}");
        }
        // And a previous secret that is no more than its times.
        let sql = format!("UPDATE auth_api_keys SET previous_digest = NULL WHERE key_id = '{id}'");
        run(&url, &sql).await;
        assert!(keys.find(&id).await.is_err(), "{name}");
    }
}

#[tokio::test]
async fn keys_that_have_ended_are_removed_after_a_while_and_no_others() {
    let Databases { all, .. } = &databases().await;
    for (name, store, _) in all {
        let (now, keys) = (SystemTime::now(), store.api_keys());
        let end = now + DAY;
        let mut kept = vec![
            insert(&keys, |record| record).await,
            insert(&keys, |record| record.with_expires_at(Some(now + 90 * DAY))).await,
        ];
        for by in [DisabledBy::Owner, DisabledBy::Operator] {
            let disabled = insert(&keys, |record| record).await;
            assert!(keys.set_disabled(&disabled, by, true).await.unwrap());
            kept.push(disabled);
        }
        let mut gone = Vec::new();
        for _ in 0..3 {
            gone.push(insert(&keys, |record| record.with_expires_at(Some(end))).await);
            let revoked = insert(&keys, |record| record).await;
            assert!(keys.revoke(&revoked, end).await.unwrap());
            gone.push(revoked);
        }
        // What was revoked is not kept for as long as it would have lived.
        let revoked = insert(&keys, |record| record.with_expires_at(Some(now + 80 * DAY))).await;
        assert!(keys.revoke(&revoked, end).await.unwrap());
        gone.push(revoked);

        let sweep = async |now, limit| store.delete_expired(now, limit).await.unwrap();
        let last = end + 30 * DAY;
        assert_eq!(sweep(last - SECOND, 100).await, 0, "{name}");
        for id in &gone {
            assert!(exists(&keys, id).await, "{name}");
        }
        // Two that have expired, and two that were revoked.
        assert_eq!(sweep(last + MILLISECOND, 2).await, 4, "{name}");
        assert_eq!(sweep(last + MILLISECOND, 2).await, 3, "{name}");
        assert_eq!(sweep(last + MILLISECOND, 2).await, 0, "{name}");
        for id in &gone {
            assert!(!exists(&keys, id).await, "{name}");
            assert!(!keys.revoke(id, now).await.unwrap(), "{name}");
        }
        for id in &kept {
            assert!(exists(&keys, id).await, "{name}");
        }
        let listed = keys.list(&Owner::new("ann"), None, 100).await.unwrap();
        assert_eq!(listed.len(), kept.len(), "{name}");

        // For as long as it is said.
        let store = store.clone().keep_ended_keys(60 * DAY).unwrap();
        let late = now + 90 * DAY + 60 * DAY;
        assert_eq!(store.delete_expired(late - SECOND, 9).await.unwrap(), 0);
        let swept = store.delete_expired(late + MILLISECOND, 9).await.unwrap();
        assert_eq!(swept, 1, "{name}");
        assert!(!exists(&keys, &kept[1]).await, "{name}");
        let refused = store.keep_ended_keys(Duration::ZERO).unwrap_err();
        assert_eq!(refused.option(), "keep_ended_keys");
    }
}

/// What is swept is found by an index: a sweep of a large table must not hold up who writes.
#[tokio::test]
async fn ended_keys_are_found_by_an_index() {
    let folder = Folder::new();
    support::open(&folder.url()).await;
    let options: sqlx::sqlite::SqliteConnectOptions = folder.url().parse().unwrap();
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    for (column, index) in [
        ("expires_at", "auth_api_keys_by_expiry"),
        ("revoked_at", "auth_api_keys_by_revocation"),
    ] {
        let sql = format!(
            "EXPLAIN QUERY PLAN SELECT key_id FROM auth_api_keys WHERE {column} <= $1 \
             ORDER BY {column} LIMIT $2"
        );
        let sql = sqlx::AssertSqlSafe(sql);
        let plan: (i64, i64, i64, String) = sqlx::query_as(sql)
            .bind(1_i64)
            .bind(1_i64)
            .fetch_one(&pool)
            .await
            .unwrap();
        assert!(plan.3.contains(&format!("INDEX {index} ")), "{}", plan.3);
    }
}
