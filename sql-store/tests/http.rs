//! Sessions in SQL as a browser meets them: login, logout, a store that goes away and comes back.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use auth_layer::{AuthError, Factor, FactorKind, Identity, RequireAuth, SecretDigest};
use auth_test::TestClient;
use axum::Router;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use session_layer::{SessionBackend as _, SessionHandle, SessionLayer, UserKey};
use sql_store::sqlx::{self, Row as _};
use sql_store::{SqlDatabase, SqlSessions};
use test_servers::PostgresServer;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use self::support::{databases, open, postgres};

const COOKIE: &str = "__Host-session";

async fn log_in(session: SessionHandle) -> Result<&'static str, AuthError> {
    let proved = Factor::new(FactorKind::Password, SystemTime::now());
    let alice = Identity::builder("password", "alice").factor(proved);
    session.log_in(alice.build()).await?;
    Ok("welcome")
}

async fn log_out(session: SessionHandle) -> Result<&'static str, AuthError> {
    session.log_out().await?;
    Ok("bye")
}

async fn me(identity: Identity) -> String {
    identity.subject().to_owned()
}

fn app(sessions: SqlSessions) -> Router {
    Router::new()
        .route("/me", get(me).route_layer(RequireAuth::authenticated()))
        .route("/login", post(log_in))
        .route("/logout", post(log_out))
        .layer(SessionLayer::new(sessions))
}

async fn post_to(client: &TestClient, uri: &str) -> u16 {
    let answer = client.post(uri).header("host", "app.example");
    let answer = answer.header("sec-fetch-site", "same-origin").await;
    answer.status().as_u16()
}

async fn status_of_me(client: &TestClient) -> u16 {
    client.get("/me").await.status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ses_05_a_logout_ends_the_session_in_the_database() {
    for (name, store, _) in databases().await.all {
        let client = TestClient::new(app(store.sessions()));
        assert_eq!(status_of_me(&client).await, 401, "{name}");
        assert_eq!(post_to(&client, "/login").await, 200, "{name}");
        let answer = client.get("/me").await;
        assert_eq!(
            (answer.status().as_u16(), &*answer.text()),
            (200, "alice"),
            "{name}"
        );

        let copied = client.cookie(COOKIE).unwrap();
        assert_eq!(post_to(&client, "/logout").await, 200, "{name}");
        assert_eq!(client.cookie(COOKIE), None, "{name}");
        client.set_cookie(COOKIE, &copied);
        assert_eq!(status_of_me(&client).await, 401, "{name}");
        let alice = UserKey::new(None, None, "alice");
        assert!(
            store.sessions().list(&alice).await.unwrap().is_empty(),
            "{name}"
        );
    }
}

/// Every value of every row of all tables, as text and as bytes.
async fn dump(url: &str) -> Vec<Vec<u8>> {
    let tables = [
        "auth_sessions",
        "auth_remembered_logins",
        "auth_api_keys",
        "auth_users",
        "auth_digest_users",
        "auth_digest_hashes",
        "auth_revoked_tokens",
        "auth_revoked_subjects",
    ];
    let mut dumped = Vec::new();
    if url.starts_with("postgres") {
        let pool = sqlx::PgPool::connect(url).await.unwrap();
        for table in tables {
            let sql = format!("SELECT t::text FROM {table} t");
            let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
                .fetch_all(&pool)
                .await
                .unwrap();
            dumped.extend(rows.iter().map(|row| row.get::<String, _>(0).into_bytes()));
            let sql = format!(
                "SELECT column_name::text FROM information_schema.columns \
                WHERE table_name = '{table}' AND data_type = 'bytea'"
            );
            let columns = sqlx::query(sqlx::AssertSqlSafe(sql))
                .fetch_all(&pool)
                .await
                .unwrap();
            for column in columns {
                let sql = format!("SELECT {} FROM {table}", column.get::<String, _>(0));
                let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
                    .fetch_all(&pool)
                    .await
                    .unwrap();
                let values = rows.iter().map(|row| row.get::<Option<Vec<u8>>, _>(0));
                dumped.extend(values.flatten());
            }
        }
    } else {
        let pool = sqlx::SqlitePool::connect(url).await.unwrap();
        for table in tables {
            let sql = format!("SELECT * FROM {table}");
            let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
                .fetch_all(&pool)
                .await
                .unwrap();
            for row in rows {
                for column in 0..row.len() {
                    dumped.push(
                        row.get_unchecked::<Option<Vec<u8>>, _>(column)
                            .unwrap_or_default(),
                    );
                }
            }
        }
    }
    dumped
}

/// Whoever reads the tables has nothing to log in with: no cookie, and no part of one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ses_17_a_dump_of_all_tables_holds_nothing_usable_as_a_cookie() {
    for (name, store, url) in databases().await.all {
        if url == "sqlite::memory:" {
            continue; // Nobody else can read it.
        }
        let client = TestClient::new(app(store.sessions()));
        assert_eq!(post_to(&client, "/login").await, 200, "{name}");
        let cookie = client.cookie(COOKIE).unwrap();
        let secret = URL_SAFE_NO_PAD.decode(&cookie).unwrap();
        let dumped = dump(&url).await;
        let holds = |what: &[u8]| {
            let mut values = dumped.iter();
            values.any(|value| value.windows(what.len()).any(|part| part == what))
        };
        // That it looks at the right place: the subject and the digest are there.
        assert!(holds(b"alice"), "{name}");
        let digest = SecretDigest::of(format!("session\0{cookie}"));
        assert!(holds(digest.as_bytes()), "{name}");
        assert!(!holds(cookie.as_bytes()) && !holds(&secret), "{name}");
        assert!(
            !holds(&cookie.as_bytes()[..12]) && !holds(&secret[..12]),
            "{name}"
        );

        // Nor does any of it do as a cookie, whichever way it is written.
        for value in &dumped {
            let texts = [
                URL_SAFE_NO_PAD.encode(value),
                String::from_utf8_lossy(value).into_owned(),
            ];
            for text in texts {
                let is_sendable = text.bytes().all(|byte| byte.is_ascii_graphic());
                if !text.is_empty() && is_sendable && !text.contains([';', ',', '"', '\\']) {
                    client.set_cookie(COOKIE, &text);
                    assert_eq!(status_of_me(&client).await, 401, "{name}: {text}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ses_20_without_postgres_it_is_503_until_postgres_is_back() {
    let server = PostgresServer::start();
    let database = SqlDatabase::builder(&server.url())
        .connect_timeout(Duration::from_secs(1))
        .operation_timeout(Duration::from_secs(2))
        .connect()
        .await
        .unwrap();
    database.migrate().await.unwrap();
    let client = TestClient::new(app(database.store().await.unwrap().sessions()));
    assert_eq!(post_to(&client, "/login").await, 200);
    let cookie = client.cookie(COOKIE);

    server.kill();
    for _ in 0..3 {
        let began = Instant::now();
        let answer = client.get("/me").await;
        assert_eq!(
            (answer.status().as_u16(), &*answer.code()),
            (503, "temporarily_unavailable")
        );
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "{:?}",
            began.elapsed()
        );
        let told = answer.text();
        assert!(
            !told.contains("postgres") && !told.contains("refused"),
            "{told}"
        );
        assert_eq!(post_to(&client, "/logout").await, 503);
        let stranger = client.fresh();
        assert_eq!(post_to(&stranger, "/login").await, 503);
        assert_eq!(stranger.cookie(COOKIE), None);
        assert_eq!(client.cookie(COOKIE), cookie, "nobody is logged out by it");
    }

    server.restart();
    let give_up = Instant::now() + Duration::from_secs(20);
    while status_of_me(&client).await != 200 {
        assert!(Instant::now() < give_up, "it does not recover");
    }
    assert_eq!(post_to(&client, "/logout").await, 200);
    assert_eq!(status_of_me(&client).await, 401);
}

/// A database that answers nothing at all, as behind a firewall that drops packets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ses_20_a_database_that_hangs_is_503_in_time() {
    let server = PostgresServer::start();
    let database = SqlDatabase::builder(&server.url())
        .max_connections(2)
        .connect_timeout(Duration::from_millis(500))
        .operation_timeout(Duration::from_millis(500))
        .connect()
        .await
        .unwrap();
    database.migrate().await.unwrap();
    let store = database.store().await.unwrap();
    let client = TestClient::new(app(store.sessions()));
    assert_eq!(post_to(&client, "/login").await, 200);

    // Somebody holds all of the table.
    let other = sqlx::PgPool::connect(&server.url()).await.unwrap();
    let mut holder = other.begin().await.unwrap();
    let lock = "LOCK TABLE auth_sessions IN ACCESS EXCLUSIVE MODE";
    sqlx::query(lock).execute(&mut *holder).await.unwrap();
    for _ in 0..4 {
        let began = Instant::now();
        assert_eq!(status_of_me(&client).await, 503);
        assert!(
            began.elapsed() < Duration::from_secs(3),
            "{:?}",
            began.elapsed()
        );
    }
    holder.rollback().await.unwrap();
    let give_up = Instant::now() + Duration::from_secs(20);
    while status_of_me(&client).await != 200 {
        assert!(Instant::now() < give_up, "it does not recover");
    }
}

/// Passes connections on to `upstream`, until it drops them without a word: nothing arrives any more in
/// those that are open, and nobody is told. New ones work.
struct Nat {
    address: SocketAddr,
    /// How often all that was open has been dropped.
    drops: Arc<watch::Sender<u32>>,
}

impl Nat {
    async fn before(upstream: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let drops = Arc::new(watch::Sender::new(0));
        let news = Arc::clone(&drops);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut server = TcpStream::connect(&upstream).await.unwrap();
                let mut dropped = news.subscribe();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        // Both are kept, and nothing is done with them.
                        _ = dropped.changed() => std::future::pending::<()>().await,
                    }
                });
            }
        });
        Self { address, drops }
    }

    fn drop_all(&self) {
        self.drops.send_modify(|drops| *drops += 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ses_20_connections_that_went_dead_without_a_word_are_replaced() {
    let direct = postgres().create_database();
    let (start, rest) = direct.split_once('@').unwrap();
    let (upstream, database) = rest.split_once('/').unwrap();
    let nat = Nat::before(upstream.to_owned()).await;
    let url = format!("{start}@{}/{database}", nat.address);
    let limit = Duration::from_secs(1);
    let builder = SqlDatabase::builder(&url).max_connections(2);
    let builder = builder.connect_timeout(limit).operation_timeout(limit);
    let database = builder.connect().await.unwrap();
    database.migrate().await.unwrap();
    let client = TestClient::new(app(database.store().await.unwrap().sessions()));
    assert_eq!(post_to(&client, "/login").await, 200);

    let direct = sqlx::PgPool::connect(&direct).await.unwrap();
    for in_use in [false, true] {
        if in_use {
            // Both are waiting for an answer when it happens.
            let mut holder = direct.begin().await.unwrap();
            let lock = "LOCK TABLE auth_sessions IN ACCESS EXCLUSIVE MODE";
            sqlx::query(lock).execute(&mut *holder).await.unwrap();
            let waiting: Vec<_> = (0..2)
                .map(|_| {
                    let client = client.clone();
                    tokio::spawn(async move { status_of_me(&client).await })
                })
                .collect();
            let blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted \
                AND relation = 'auth_sessions'::regclass";
            while sqlx::query_scalar::<_, i64>(blocked)
                .fetch_one(&direct)
                .await
                .unwrap()
                < 2
            {
                assert!(!waiting[0].is_finished(), "it does not wait");
            }
            nat.drop_all();
            for status in waiting {
                assert_eq!(status.await.unwrap(), 503);
            }
            holder.rollback().await.unwrap();
        } else {
            nat.drop_all();
        }
        let give_up = Instant::now() + Duration::from_secs(20);
        loop {
            let began = Instant::now();
            let status = status_of_me(&client).await;
            assert!(
                began.elapsed() < Duration::from_secs(3),
                "{:?}",
                began.elapsed()
            );
            if status == 200 {
                break;
            }
            assert_eq!(status, 503);
            assert!(Instant::now() < give_up, "it does not recover");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_services_share_the_sessions_of_one_database() {
    for (name, _, url) in databases().await.all {
        if url == "sqlite::memory:" {
            continue;
        }
        let here = TestClient::new(app(open(&url).await.sessions()));
        let there = TestClient::new(app(open(&url).await.sessions()));
        assert_eq!(post_to(&here, "/login").await, 200, "{name}");
        there.set_cookie(COOKIE, &here.cookie(COOKIE).unwrap());
        assert_eq!(status_of_me(&there).await, 200, "{name}");
        assert_eq!(post_to(&there, "/logout").await, 200, "{name}");
        assert_eq!(status_of_me(&here).await, 401, "{name}");
    }
}
