//! The example `service-to-service`: keys of services in a database, rotated while they are used.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use apikey_layer::{ApiKeyStore as _, KeyFormat, KeyRegistry, NewKey, SharedApiKeyStore};
use auth_layer::Identity;
use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use sql_store::SqlDatabase;
use tokio::net::TcpListener;

use support::{Running, build, refuses_to_start};

/// A folder with the database and the key files of one test.
struct Place {
    folder: PathBuf,
    database: String,
}

impl Place {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let database = format!("sqlite:{}", folder.join("stock.db").display());
        Self { folder, database }
    }

    fn stock(&self) -> Running {
        let variables = [("ROLE", "stock"), ("DATABASE_URL", &self.database)];
        Running::start("service-to-service", &variables)
    }

    fn orders(&self, stock_url: &str) -> Running {
        let key_file = self.folder.join("stock.key");
        let variables = [
            ("ROLE", "orders"),
            ("STOCK_URL", stock_url),
            ("KEY_FILE", key_file.to_str().unwrap()),
        ];
        Running::start("service-to-service", &variables)
    }

    fn with_its_own_log(&self, role: &str, more: &[(&str, &str)]) -> Running {
        let variables = [("ROLE", role), ("DATABASE_URL", &self.database)];
        let variables = [&variables, more].concat();
        Running::start_with_its_own_log("service-to-service", &variables)
    }

    fn operator(&self, arguments: &[&str]) -> Output {
        Command::new(build("service-to-service"))
            .env_clear()
            .env("ROLE", "operator")
            .env("DATABASE_URL", &self.database)
            .args(arguments)
            .output()
            .unwrap()
    }

    /// The key that the operator is shown, and its id.
    fn key(&self, arguments: &[&str]) -> (String, String) {
        let output = self.operator(arguments);
        assert!(output.status.success(), "{output:?}");
        let key = String::from_utf8(output.stdout).unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let id = said.trim().strip_prefix("id: ").unwrap();
        assert!(key.trim().starts_with(&format!("stock_live_{id}")), "{id}");
        (key.trim().to_owned(), id.to_owned())
    }

    fn deploy(&self, key: &str) {
        std::fs::write(self.folder.join("stock.key"), format!("{key}\n")).unwrap();
    }
}

async fn status(service: &Running, method: &str, path: &str, key: &str) -> u16 {
    let header = format!("x-api-key: {key}");
    let answer = service.send(method, path, &[header], "").await;
    answer.status.as_u16()
}

#[tokio::test]
async fn apk_06_a_key_is_rotated_while_the_service_goes_on() {
    let place = Place::new("service-rotation");
    let (old, id) = place.key(&["make", "orders", "stock:read", "127.0.0.0/8"]);
    place.deploy(&old);
    let stock = place.stock();
    let orders = place.orders(&stock.url);
    stock.secret(&old);
    orders.secret(&old);
    let answer = orders.get("/orders", &[]).await;
    assert_eq!(
        answer.body, "12 boxes, says stock to orders\n",
        "{answer:?}"
    );

    let (new, same) = place.key(&["rotate", "orders", &id, "60"]);
    assert_eq!(same, id);
    stock.secret(&new);
    orders.secret(&new);
    // Both are good: before the new one has arrived, and afterwards.
    assert_eq!(orders.get("/orders", &[]).await.status, 200);
    place.deploy(&new);
    assert_eq!(orders.get("/orders", &[]).await.status, 200);
    assert_eq!(status(&stock, "GET", "/stock", &old).await, 200);

    // The keys outlive the service.
    drop((orders, stock));
    let stock = place.stock();
    let orders = place.orders(&stock.url);
    assert_eq!(orders.get("/orders", &[]).await.status, 200);

    let revoked = place.operator(&["revoke", "orders", &id]);
    assert!(revoked.status.success(), "{revoked:?}");
    for key in [&old, &new] {
        assert_eq!(status(&stock, "GET", "/stock", key).await, 401);
    }
    // It is not the client of `orders` who is refused.
    let answer = orders.get("/orders", &[]).await;
    assert_eq!(answer.status, 502, "{answer:?}");
    assert!(
        !place
            .operator(&["rotate", "orders", &id, "60"])
            .status
            .success()
    );
}

#[tokio::test]
async fn apk_06_the_use_of_a_replaced_key_is_logged_unless_somebody_says_otherwise() {
    let place = Place::new("service-superseded");
    let (old, id) = place.key(&["make", "orders", "stock:read"]);
    place.deploy(&old);
    let stock = place.with_its_own_log("stock", &[]);
    let key_file = place.folder.join("stock.key");
    let key_file = ("KEY_FILE", key_file.to_str().unwrap());
    let orders = place.with_its_own_log("orders", &[("STOCK_URL", &stock.url), key_file]);
    for service in [&stock, &orders] {
        service.secret(&old);
    }
    assert_eq!(orders.get("/orders", &[]).await.status, 200);
    let (new, _) = place.key(&["rotate", "orders", &id, "60"]);
    assert_eq!(orders.get("/orders", &[]).await.status, 200);
    place.deploy(&new);
    for service in [&stock, &orders] {
        service.secret(&new);
    }
    assert_eq!(orders.get("/orders", &[]).await.status, 200);

    // The one request of the three that came with it.
    let log = orders.stop();
    assert_eq!(log.matches("was replaced").count(), 1, "{log}");
    let log = stock.stop();
    assert_eq!(log.matches("superseded_key_used").count(), 1, "{log}");
    assert!(log.contains(&id), "{log}");
}

#[tokio::test]
async fn apk_08_keys_of_a_service_that_may_not_call_any_more_can_be_revoked_and_nothing_else() {
    let place = Place::new("service-former");
    // From the time when `billing` was one of the callers.
    let database = SqlDatabase::connect(&place.database).await.unwrap();
    database.migrate().await.unwrap();
    let store = SharedApiKeyStore::new(database.store().await.unwrap().api_keys());
    let registry = KeyRegistry::new(KeyFormat::live("stock").unwrap(), store.clone());
    let billing = Identity::builder("operator", "billing")
        .scopes("stock:read".parse().unwrap())
        .build();
    let new = NewKey::new("billing calls stock").scopes("stock:read".parse().unwrap());
    let key = registry.create(&billing, new).await.unwrap().key;
    let is_revoked = async || {
        let record = store.find(key.id()).await.unwrap().unwrap();
        record.revoked_at().is_some()
    };

    let id = key.id().as_str();
    for arguments in [
        &["make", "billing", "stock:read"][..],
        &["rotate", "billing", id, "60"],
        &["revoke", "orders", id],
    ] {
        let output = place.operator(arguments);
        assert!(!output.status.success(), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    assert!(!is_revoked().await);
    let output = place.operator(&["revoke", "billing", id]);
    assert!(output.status.success(), "{output:?}");
    assert!(is_revoked().await);
}

#[tokio::test]
async fn apk_08_a_key_does_no_more_than_its_scopes_networks_and_service_allow() {
    let place = Place::new("service-scopes");
    let (all, _) = place.key(&["make", "orders", "stock:read stock:reserve"]);
    let (read, _) = place.key(&["make", "reports", "stock:read"]);
    let (elsewhere, _) = place.key(&["make", "orders", "stock:read", "203.0.113.0/24"]);
    let stock = place.stock();
    for (key, method, path, expected) in [
        (&all, "GET", "/stock", 200),
        (&all, "POST", "/stock/reserve", 200),
        (&read, "GET", "/stock", 200),
        (&read, "POST", "/stock/reserve", 403),
        (&elsewhere, "GET", "/stock", 401),
    ] {
        stock.secret(key);
        assert_eq!(status(&stock, method, path, key).await, expected, "{path}");
    }
    assert_eq!(stock.get("/stock", &[]).await.status, 401);

    for arguments in [
        &["make", "reports", "stock:reserve"][..],
        &["make", "nobody", "stock:read"],
        &["make", "orders", "stock:read", "everywhere"],
        &["make", "orders"],
        &["revoke", "reports", all[11..23].as_ref()],
        &[],
    ] {
        let output = place.operator(arguments);
        assert!(!output.status.success(), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    assert_eq!(status(&stock, "GET", "/stock", &all).await, 200);
}

#[tokio::test]
async fn a_key_is_not_sent_on_by_a_redirect() {
    let place = Place::new("service-redirect");
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let app = Router::new()
        .route("/stock", get(async || Redirect::temporary("/elsewhere")))
        .fallback(async move || {
            count.fetch_add(1, Ordering::SeqCst);
            "thank you"
        });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });

    let (key, _) = place.key(&["make", "orders", "stock:read"]);
    place.deploy(&key);
    let orders = place.orders(&url);
    orders.secret(&key);
    assert_eq!(orders.get("/orders", &[]).await.status, 502);
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_is_wrong_with_the_key_is_not_told_as_the_trouble_of_a_client() {
    let place = Place::new("service-trouble");
    let stock = place.stock();
    let orders = place.orders(&stock.url);
    assert_eq!(orders.get("/orders", &[]).await.status, 502, "no key yet");
    for key in ["not a key", "a key\nwith: a header", ""] {
        place.deploy(key);
        assert_eq!(orders.get("/orders", &[]).await.status, 502, "{key:?}");
    }
    let (key, _) = place.key(&["make", "orders", "stock:read"]);
    place.deploy(&key);
    assert_eq!(orders.get("/orders", &[]).await.status, 200);
    drop(stock);
    assert_eq!(orders.get("/orders", &[]).await.status, 502);
}

#[test]
fn a_service_without_a_role_or_a_key_does_not_start() {
    for variables in [
        &[][..],
        &[("ROLE", "cook")],
        &[("ROLE", "orders")],
        &[
            ("ROLE", "orders"),
            ("KEY_FILE", "x"),
            ("STOCK_URL", "stock"),
        ],
        &[("ROLE", "stock"), ("DATABASE_URL", "mysql://stock")],
    ] {
        refuses_to_start("service-to-service", variables);
    }
}
