//! Opening, migrating, administering and clearing up.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

mod support;

use std::error::Error as _;
use std::time::{Duration, Instant, SystemTime};

use auth_layer::digest::{Algorithm, DigestRecord, DigestStore as _};
use auth_layer::{
    AuthErrorKind, CredentialEpoch, Identity, IssuedToken, MAX_LEEWAY, Revocations as _,
    SecretDigest, SingleUse as _, SingleUseKey, SubjectRevocation, random_bytes,
};
use jwt_layer::refresh::{Family, FamilyId, FamilyState, RefreshStore as _};
use login::password::{PasswordHash, UserRecord, UserStore as _};
use session_layer::{
    CredentialEpochs as _, NewSession, SessionBackend as _, SessionData, SessionId, SessionLimits,
    SessionRecord, UpdateOutcome,
};
use sql_store::sqlx::{self, Connection as _};
use sql_store::{InsertedUser, SqlDatabase, SqlErrorKind};

use self::support::{Databases, Folder, databases, postgres, run};

fn session(now: SystemTime) -> NewSession {
    let id = SessionId::from_bytes(random_bytes().unwrap());
    let secret = SecretDigest::from_bytes(random_bytes().unwrap());
    NewSession::new(secret, SessionRecord::new(id, now, SessionLimits::STRICT))
}

#[tokio::test]
async fn the_version_of_the_tables_is_told() {
    let folder = Folder::new();
    for url in [folder.url(), postgres().create_database()] {
        let database = SqlDatabase::connect(&url).await.unwrap();
        assert_eq!(database.schema_version().await.unwrap(), 0);
        database.migrate().await.unwrap();
        let version = database.schema_version().await.unwrap();
        assert_eq!(version, SqlDatabase::SCHEMA_VERSION);
    }
}

#[tokio::test]
async fn a_file_that_is_missing_is_made_only_if_it_may_be() {
    let folder = Folder::new();
    let url = folder.url();
    let connect = |create| {
        SqlDatabase::builder(&url)
            .create_if_missing(create)
            .connect()
    };
    let error = connect(false).await.unwrap_err();
    assert_eq!(error.kind(), SqlErrorKind::Unavailable);
    // Had the failure made the file, this would succeed.
    assert!(connect(false).await.is_err());
    connect(true).await.unwrap().close().await;
    connect(false).await.unwrap();
}

#[tokio::test]
async fn a_database_of_another_version_is_refused() {
    let folder = Folder::new();
    for url in [folder.url(), postgres().create_database()] {
        let database = SqlDatabase::connect(&url).await.unwrap();
        let error = database.store().await.unwrap_err();
        assert!(
            matches!(error.kind(), SqlErrorKind::Unmigrated { found: 0, .. }),
            "{error}"
        );
        assert!(error.to_string().contains("call `migrate`"), "{error}");

        database.migrate().await.unwrap();
        database.migrate().await.unwrap(); // which changes nothing
        database.store().await.unwrap();

        run(&url, "INSERT INTO auth_schema (version) VALUES (99)").await;
        for error in [
            database.store().await.map(drop).unwrap_err(),
            database.migrate().await.unwrap_err(),
        ] {
            assert!(
                matches!(error.kind(), SqlErrorKind::Newer { found: 99, .. }),
                "{error}"
            );
        }
    }
}

/// What was stored under version 1 is there after the migration.
#[tokio::test]
async fn tables_of_an_older_version_are_brought_up_to_date() {
    let folder = Folder::new();
    let first = [
        include_str!("../migrations/sqlite/0001_first.sql"),
        include_str!("../migrations/postgres/0001_first.sql"),
    ];
    for (url, first) in [folder.url(), postgres().create_database()]
        .iter()
        .zip(first)
    {
        run(url, first).await;
        run(url, "INSERT INTO auth_schema (version) VALUES (1)").await;
        let user = "INSERT INTO auth_users (username, subject, is_disabled, attributes) \
            VALUES ('ann', 'user-1', FALSE, '{}')";
        run(url, user).await;

        let database = SqlDatabase::connect(url).await.unwrap();
        let error = database.store().await.unwrap_err();
        assert!(
            matches!(error.kind(), SqlErrorKind::Unmigrated { found: 1, .. }),
            "{error}"
        );
        database.migrate().await.unwrap();
        let store = database.store().await.unwrap();
        let ann = store.users().find("ann").await.unwrap().unwrap();
        assert_eq!(&*ann.subject, "user-1");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn instances_that_start_together_migrate_once() {
    let folder = Folder::new();
    for url in [folder.url(), postgres().create_database()] {
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let url = url.clone();
                tokio::spawn(async move {
                    let database = SqlDatabase::connect(&url).await?;
                    database.migrate().await?;
                    database.store().await.map(drop)
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
    }
}

/// One waits for a table, another for the one that migrates; both for longer than other operations may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_waits_for_another_however_long_that_takes() {
    let url = postgres().create_database();
    SqlDatabase::connect(&url)
        .await
        .unwrap()
        .migrate()
        .await
        .unwrap();
    let mut busy = sqlx::PgConnection::connect(&url).await.unwrap();
    let lock = "BEGIN; LOCK TABLE auth_schema IN ACCESS EXCLUSIVE MODE";
    sqlx::raw_sql(lock).execute(&mut busy).await.unwrap();

    let limit = Duration::from_millis(200);
    let tasks: Vec<_> = (0..2)
        .map(|_| {
            let builder = SqlDatabase::builder(&url).operation_timeout(limit);
            tokio::spawn(async move { builder.connect().await?.migrate().await })
        })
        .collect();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND wait_event_type = 'Lock' AND now() - query_start > interval '400 milliseconds'";
    // In a transaction of its own each time: within one, neither the time nor what is seen changes.
    let mut watching = sqlx::PgConnection::connect(&url).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let both: i64 = sqlx::query_scalar(waiting)
            .fetch_one(&mut watching)
            .await
            .unwrap();
        if both == 2 {
            break;
        }
        let ended = tasks.iter().any(tokio::task::JoinHandle::is_finished);
        assert!(!ended && Instant::now() < deadline, "{both} are waiting");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    sqlx::raw_sql("COMMIT").execute(&mut busy).await.unwrap();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_is_made_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = Folder::new();
    let store = support::open(&folder.url()).await;
    let mut files = Vec::new();
    for file in std::fs::read_dir(&folder.0).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        files.push((file.file_name().into_string().unwrap(), mode));
    }
    files.sort();
    let expected = ["auth.db", "auth.db-shm", "auth.db-wal"];
    assert_eq!(files, expected.map(|name| (name.to_owned(), 0o600)));
    drop(store);

    // One that is there keeps what it was given.
    let path = folder.0.join("shared.db");
    std::fs::write(&path, []).unwrap();
    let mode = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(&path, mode).unwrap();
    support::open(&format!("sqlite://{}", path.display())).await;
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
}

#[tokio::test]
async fn x_15_wrong_settings_are_refused_and_named_without_the_password() {
    let (good, zero) = ("postgres://u:hunter2@127.0.0.1/db", Duration::ZERO);
    for (builder, option) in [
        (SqlDatabase::builder("mysql://u:hunter2@host/db"), "url"),
        (SqlDatabase::builder(""), "url"),
        (
            SqlDatabase::builder("postgres://u:hunter2@host:port/db"),
            "url",
        ),
        (SqlDatabase::builder("sqlite:auth.db?mode=hunter2"), "url"),
        (SqlDatabase::builder("sqlite:"), "url"),
        (SqlDatabase::builder("sqlite://"), "url"),
        (SqlDatabase::builder("sqlite:file:auth.db"), "url"),
        (SqlDatabase::builder("sqlite://?mode=rwc"), "url"),
        (
            SqlDatabase::builder(good).max_connections(0),
            "max_connections",
        ),
        (
            SqlDatabase::builder(good).connect_timeout(zero),
            "connect_timeout",
        ),
        (
            SqlDatabase::builder(good).operation_timeout(zero),
            "operation_timeout",
        ),
    ] {
        assert!(!format!("{builder:?}").contains("hunter2"));
        let error = builder.connect().await.unwrap_err();
        assert_eq!(error.kind(), SqlErrorKind::Config, "{option}: {error}");
        let source = error.source().unwrap().to_string();
        assert!(source.contains(&format!("`{option}`")), "{source}");
        assert!(
            !format!("{error:?} {source}").contains("hunter2"),
            "{error:?}"
        );
    }
    // Nobody listens there.
    let error = SqlDatabase::connect("postgres://u:hunter2@127.0.0.1:1/db")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), SqlErrorKind::Unavailable);
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
}

/// An update whose guard no longer holds touches no row, and says so.
#[tokio::test]
async fn x_18_a_guarded_update_that_touches_no_row_is_a_failure() {
    for (name, store, _) in databases().await.all {
        let sessions = store.sessions();
        let new = session(SystemTime::now());
        drop(sessions.create(new.clone()).await.unwrap());
        let data = |text: &'static str| SessionData::from_bytes(text.into());
        let first = sessions.update(&new.secret, 1, data("{}")).await.unwrap();
        assert!(
            matches!(first, UpdateOutcome::Updated { version: 2 }),
            "{name}: {first:?}"
        );
        for version in [0, 1, 3, u64::MAX] {
            let late = sessions
                .update(&new.secret, version, data("[]"))
                .await
                .unwrap();
            let UpdateOutcome::Changed(stored) = late else {
                panic!("{name}, version {version}: {late:?}");
            };
            assert_eq!((stored.version, stored.data), (2, data("{}")), "{name}");
        }
        assert!(sessions.delete(&new.secret).await.unwrap());
        assert!(!sessions.delete(&new.secret).await.unwrap(), "{name}");
        let gone = sessions.update(&new.secret, 2, data("[]")).await.unwrap();
        assert!(matches!(gone, UpdateOutcome::Gone), "{name}: {gone:?}");

        let users = store.users();
        let hash = PasswordHash::new("x");
        assert_eq!(
            users.set_password("nobody", hash).await.unwrap(),
            None,
            "{name}"
        );
        assert!(!users.set_disabled("nobody", true).await.unwrap(), "{name}");
    }
}

#[tokio::test]
async fn ses_11_of_parallel_changes_of_one_password_one_is_made() {
    for (name, store, _) in databases().await.all {
        let users = store.users();
        let subject = "user-of-parallel-changes";
        let inserted = users.insert(subject, UserRecord::new(subject)).await;
        assert_eq!(inserted.unwrap(), InsertedUser::Done, "{name}");
        for round in 0..5 {
            let expected = CredentialEpoch::new(round);
            let mut changes = tokio::task::JoinSet::new();
            for rival in 0..8 {
                let users = users.clone();
                let hash = PasswordHash::new(format!("{round}-{rival}"));
                changes.spawn(async move {
                    let changed = users
                        .replace_password(subject, expected, hash.clone())
                        .await;
                    changed.unwrap().map(|_| hash)
                });
            }
            let won: Vec<_> = changes.join_all().await.into_iter().flatten().collect();
            assert_eq!(won.len(), 1, "{name}: {won:?}");
            let found = users.find(subject).await.unwrap().unwrap();
            assert_eq!(found.password_hash.as_ref(), won.first(), "{name}");
        }
    }
}

#[tokio::test]
async fn users_are_administered() {
    for (name, store, _) in databases().await.all {
        let users = store.users();
        let digests = store.digest_users("realm");
        let hash = |text: &str| PasswordHash::new(text);
        let ann = UserRecord::new("user-1").with_role("editor");
        assert_eq!(
            users.insert("ann", ann.clone()).await.unwrap(),
            InsertedUser::Done,
            "{name}"
        );
        for (username, subject) in [("ann", "user-2"), ("bob", "user-1"), ("n\0l", "user-3")] {
            let taken = users
                .insert(username, UserRecord::new(subject))
                .await
                .unwrap();
            assert_eq!(taken, InsertedUser::Taken, "{name}: {username} {subject}");
        }
        let ann_id = Identity::new("session", "user-1");
        assert_eq!(
            users.epoch(&ann_id).await.unwrap(),
            Some(CredentialEpoch::new(0)),
            "{name}"
        );

        let found = users.find("ann").await.unwrap().unwrap();
        assert_eq!(
            found.credential_epoch,
            Some(CredentialEpoch::new(0)),
            "{name}"
        );

        let epoch = users.set_password("user-1", hash("first")).await.unwrap();
        assert_eq!(epoch, Some(CredentialEpoch::new(1)), "{name}");
        let record = DigestRecord::from_password("ann", "realm", "pw", [Algorithm::Sha256])
            .with_identity(Identity::new("digest", "user-1"));
        let epoch = users
            .set_password_and_digest("user-1", hash("second"), &digests, "ann", record.clone())
            .await
            .unwrap();
        assert_eq!(epoch, Some(CredentialEpoch::new(2)), "{name}");
        let found = digests.find("ann").await.unwrap().unwrap();
        assert_eq!(
            found.ha1(Algorithm::Sha256),
            record.ha1(Algorithm::Sha256),
            "{name}"
        );
        // Only if nobody else has changed it since: neither of the two otherwise.
        let other = DigestRecord::from_password("ann", "realm", "other", [Algorithm::Sha256])
            .with_identity(Identity::new("digest", "user-1"));
        for (expected, done) in [(1, None), (2, Some(3)), (2, None), (u64::MAX, None)] {
            let expected = CredentialEpoch::new(expected);
            let text = format!("from {expected:?}");
            let changed = users
                .replace_password_and_digest(
                    "user-1",
                    expected,
                    hash(&text),
                    &digests,
                    "ann",
                    if done.is_some() {
                        record.clone()
                    } else {
                        other.clone()
                    },
                )
                .await
                .unwrap();
            assert_eq!(changed, done.map(CredentialEpoch::new), "{name}: {text}");
            let found = digests.find("ann").await.unwrap().unwrap();
            assert_eq!(
                found.ha1(Algorithm::Sha256),
                record.ha1(Algorithm::Sha256),
                "{name}"
            );
        }
        let found = users.find("ann").await.unwrap().unwrap();
        let second = format!("from {:?}", CredentialEpoch::new(2));
        assert_eq!(found.password_hash, Some(hash(&second)), "{name}");
        assert_eq!(
            found.credential_epoch,
            Some(CredentialEpoch::new(3)),
            "{name}"
        );
        for (expected, done) in [(2, None), (3, Some(4))] {
            let expected = CredentialEpoch::new(expected);
            let changed = users
                .replace_password("user-1", expected, hash("second"))
                .await
                .unwrap();
            assert_eq!(changed, done.map(CredentialEpoch::new), "{name}");
        }
        // For a user who does not exist neither of the two is changed.
        let nobody = users
            .set_password_and_digest("nobody", hash("x"), &digests, "eve", record.clone())
            .await
            .unwrap();
        assert_eq!(nobody, None, "{name}");
        assert!(digests.find("eve").await.unwrap().is_none(), "{name}");

        let (username, found) = users.find_by_subject("user-1").await.unwrap().unwrap();
        assert_eq!(
            (&*username, found.password_hash),
            ("ann", Some(hash("second"))),
            "{name}"
        );
        assert_eq!(found.roles, ann.roles, "{name}");
        let epoch = users.raise_credential_epoch("user-1").await.unwrap();
        assert_eq!(epoch, Some(CredentialEpoch::new(5)), "{name}");
        assert_eq!(users.epoch(&ann_id).await.unwrap(), epoch, "{name}");

        // Disabled: by password, by Digest and for sessions.
        assert!(users.set_disabled("user-1", true).await.unwrap(), "{name}");
        assert!(
            users.find("ann").await.unwrap().unwrap().is_disabled,
            "{name}"
        );
        assert!(digests.find("ann").await.unwrap().is_none(), "{name}");
        assert_eq!(users.epoch(&ann_id).await.unwrap(), None, "{name}");
        assert!(users.set_disabled("user-1", false).await.unwrap(), "{name}");
        assert!(digests.find("ann").await.unwrap().is_some(), "{name}");
        assert!(
            store
                .digest_users("other")
                .find("ann")
                .await
                .unwrap()
                .is_none(),
            "{name}"
        );
        assert!(users.find("ann\0").await.unwrap().is_none(), "{name}");
    }
}

#[tokio::test]
async fn what_is_over_is_removed_and_nothing_else() {
    let Databases { all, .. } = &databases().await;
    for (name, store, _) in all {
        let now = SystemTime::now();
        let (sessions, revocations) = (store.sessions(), store.revocations());
        let mut stored = Vec::new();
        for _ in 0..5 {
            let new = session(now);
            drop(sessions.create(new.clone()).await.unwrap());
            stored.push(new);
        }
        let ends = stored[0].record.expires_at;
        let millisecond = Duration::from_millis(1);
        let subject = SubjectRevocation::new("ann", now, ends.duration_since(now).unwrap());
        revocations
            .revoke_token("issuer", "token", ends)
            .await
            .unwrap();
        revocations.revoke_subject(&subject).await.unwrap();
        let (used, key) = (store.single_use(), SingleUseKey::new("test", [name]));
        assert!(used.claim(&key, ends, now).await.unwrap(), "{name}");
        let id = FamilyId::from_bytes(random_bytes().unwrap());
        let family = Family::new(id, Identity::new("refresh", "ann"), now, ends);
        let token = SecretDigest::from_bytes(random_bytes().unwrap());
        let family = FamilyState::new(family, token, ends);
        let families = store.refresh_families();
        assert!(families.insert(family).await.unwrap(), "{name}");

        assert_eq!(
            store.delete_expired(ends - millisecond, 100).await.unwrap(),
            0,
            "{name}"
        );
        assert_eq!(store.delete_expired(ends, 2).await.unwrap(), 3, "{name}");
        assert_eq!(store.delete_expired(ends, 100).await.unwrap(), 3, "{name}");
        assert!(families.find(&id).await.unwrap().is_none(), "{name}");
        for new in &stored {
            assert!(
                sessions.find(&new.secret).await.unwrap().is_none(),
                "{name}"
            );
        }
        // Verifiers whose clocks differ may accept it for a while yet.
        let last = ends + MAX_LEEWAY - millisecond;
        assert_eq!(store.delete_expired(last, 100).await.unwrap(), 0, "{name}");
        let token = IssuedToken::new("issuer", "bob", Some("token"), now);
        assert!(revocations.is_revoked(&token).await.unwrap(), "{name}");
        assert!(!used.claim(&key, ends, now).await.unwrap(), "{name}");
        let later = ends + MAX_LEEWAY + millisecond;
        assert_eq!(store.delete_expired(later, 100).await.unwrap(), 3, "{name}");
        assert!(!revocations.is_revoked(&token).await.unwrap(), "{name}");
        assert!(used.claim(&key, ends, now).await.unwrap(), "{name}");
    }
}

/// A pool of the application's own, and one that is closed: that is "could not ask".
#[tokio::test]
async fn x_06_a_closed_pool_is_unavailable() {
    let url = postgres().create_database();
    let postgres = SqlDatabase::from_postgres(sqlx::PgPool::connect(&url).await.unwrap());
    let folder = Folder::new();
    let options: sqlx::sqlite::SqliteConnectOptions = folder.url().parse().unwrap();
    let pool = sqlx::SqlitePool::connect_with(options.create_if_missing(true)).await;
    for database in [postgres, SqlDatabase::from_sqlite(pool.unwrap())] {
        database.migrate().await.unwrap();
        let store = database.store().await.unwrap();
        let new = session(SystemTime::now());
        drop(store.sessions().create(new.clone()).await.unwrap());
        assert!(store.sessions().find(&new.secret).await.unwrap().is_some());
        database.close().await;
        let errors = [
            store
                .sessions()
                .find(&new.secret)
                .await
                .map(drop)
                .unwrap_err(),
            store
                .sessions()
                .delete(&new.secret)
                .await
                .map(drop)
                .unwrap_err(),
            store.users().find("ann").await.map(drop).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), AuthErrorKind::Unavailable, "{error}");
            assert!(error.source().is_some());
        }
    }
}

/// A request that is cancelled leaves no connection behind in the middle of a transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cancelled_requests_use_up_no_connections() {
    let folder = Folder::new();
    for url in [folder.url(), postgres().create_database()] {
        let database = SqlDatabase::builder(&url)
            .max_connections(2)
            .connect()
            .await
            .unwrap();
        database.migrate().await.unwrap();
        let sessions = database.store().await.unwrap().sessions();
        for micros in 0..200_u64 {
            let new = session(SystemTime::now());
            let limit = Duration::from_micros(micros * 10);
            let _ = tokio::time::timeout(limit, sessions.create(new)).await;
        }
        let new = session(SystemTime::now());
        drop(sessions.create(new.clone()).await.unwrap());
        assert!(sessions.find(&new.secret).await.unwrap().is_some(), "{url}");
    }
}
