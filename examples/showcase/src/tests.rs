//! What a change of the password ends while other requests are under way.
//!
//! A login gives back what its attempt has cost after the password was found right. The tests hold one
//! back there: the old password is proved, and nothing has been opened with it yet.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use auth_layer::{
    AuthError, Charge, MemoryRateCounters, RateCounters, SharedRateCounters, TakeOutcome,
};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, Request, StatusCode};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

use crate::config::{Config, Settings};
use crate::routes;
use crate::state::AppState;
use crate::stores::Stores;

const OLD: &str = "correct-horse-battery";

/// Counters that hold the next success back.
#[derive(Clone, Default)]
struct Gate(Arc<GateState>);

#[derive(Default)]
struct GateState {
    counters: MemoryRateCounters,
    is_closed: AtomicBool,
    arrived: Notify,
    opened: Notify,
}

impl RateCounters for Gate {
    async fn take(&self, charges: &[Charge], now: SystemTime) -> Result<TakeOutcome, AuthError> {
        self.0.counters.take(charges, now).await
    }

    async fn peek(&self, charges: &[Charge], now: SystemTime) -> Result<TakeOutcome, AuthError> {
        self.0.counters.peek(charges, now).await
    }

    async fn give_back(&self, charges: &[Charge], now: SystemTime) -> Result<(), AuthError> {
        if self.0.is_closed.swap(false, Ordering::SeqCst) {
            self.0.arrived.notify_one();
            self.0.opened.notified().await;
        }
        self.0.counters.give_back(charges, now).await
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    /// The session that it begins or goes on with.
    fn cookie(&self) -> String {
        let cookie = self.headers[SET_COOKIE].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Clone)]
struct Showcase {
    app: Router,
    gate: Gate,
}

impl Showcase {
    async fn start(database_url: &str, has_epochs: bool) -> Self {
        let settings = settings(database_url);
        let mut stores = Stores::open(&settings).await.unwrap();
        let gate = Gate::default();
        stores.attempts = SharedRateCounters::new(gate.clone());
        stores.has_epochs = has_epochs;
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let state = AppState::with_stores(&settings, stores, metrics);
        let app = routes::app(state.await.unwrap(), &settings).unwrap();
        Self { app, gate }
    }

    async fn send(&self, path: &str, cookie: &str, kind: &str, body: String) -> Answer {
        let mut req = Request::post(path).header(CONTENT_TYPE, kind);
        if path == "/me" {
            req = Request::get(path);
        }
        if !cookie.is_empty() {
            // As a browser sends it.
            req = req
                .header(COOKIE, cookie)
                .header("sec-fetch-site", "same-origin");
        }
        let req = req.body(Body::from(body)).unwrap();
        let res = self.app.clone().oneshot(req).await.unwrap();
        let (parts, body) = res.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    async fn form(&self, path: &str, cookie: &str, form: String) -> Answer {
        let kind = "application/x-www-form-urlencoded";
        self.send(path, cookie, kind, form).await
    }

    async fn log_in(&self, password: &str) -> Answer {
        let form = format!("username=alice&password={password}");
        self.form("/login", "", form).await
    }

    async fn token(&self, password: &str) -> Answer {
        let body = format!(r#"{{"username":"alice","password":"{password}"}}"#);
        self.send("/token", "", "application/json", body).await
    }

    async fn change(&self, cookie: &str, current: &str, new: &str) -> Answer {
        let form = format!("current={current}&new={new}");
        self.form("/account/password", cookie, form).await
    }

    async fn me(&self, cookie: &str) -> Answer {
        self.send("/me", cookie, "", String::new()).await
    }

    /// Sends a request up to where its password was found right.
    async fn under_way<F>(&self, request: impl FnOnce(Self) -> F) -> JoinHandle<Answer>
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        self.gate.0.is_closed.store(true, Ordering::SeqCst);
        let request = tokio::spawn(request(self.clone()));
        self.gate.0.arrived.notified().await;
        request
    }

    async fn finish(&self, request: JoinHandle<Answer>) -> Answer {
        self.gate.0.opened.notify_one();
        request.await.unwrap()
    }
}

fn settings(database_url: &str) -> Settings {
    let config = Config::read(|name| {
        Ok(match name {
            "DEMO_PASSWORD" => Some(OLD.to_owned()),
            // What an attempt costs does not come back by itself before it is given back.
            "LOGIN_LIMIT" => Some("100/h/ip".to_owned()),
            "DATABASE_URL" => Some(database_url.to_owned()),
            _ => None,
        })
    });
    let address = "127.0.0.1:3000".parse().unwrap();
    config.unwrap().resolve(address).unwrap()
}

/// In memory and in a database, and in memory as it is beside a Redis: without epochs.
async fn each() -> [(&'static str, Showcase); 3] {
    [
        ("memory", Showcase::start("", true).await),
        ("sqlite", Showcase::start("sqlite::memory:", true).await),
        ("no epochs", Showcase::start("", false).await),
    ]
}

#[tokio::test]
async fn ses_11_a_login_under_way_does_not_outlive_the_password_that_it_came_with() {
    for (name, showcase) in each().await {
        let own = showcase.log_in(OLD).await.cookie();
        let before = showcase.me(&own).await.json();

        let token = showcase
            .under_way(async |showcase: Showcase| showcase.token(OLD).await)
            .await;
        let changed = showcase.change(&own, OLD, "second-password").await;
        assert_eq!(changed.status, 303, "{name}: {}", changed.body);
        let token = showcase.finish(token).await;
        assert_eq!(token.status, 401, "{name}: {}", token.body);
        assert!(!token.body.contains("access_token"), "{name}");

        // Whoever changes it goes on, by the same session with another secret.
        let own = changed.cookie();
        let after = showcase.me(&own).await.json();
        assert_eq!(after["session_id"], before["session_id"], "{name}");

        let login = showcase
            .under_way(async |showcase: Showcase| showcase.log_in("second-password").await)
            .await;
        let changed = showcase.change(&own, "second-password", OLD).await;
        assert_eq!(changed.status, 303, "{name}: {}", changed.body);
        let login = showcase.finish(login).await;
        match login.status.as_u16() {
            // It got a session that is over.
            303 => assert_eq!(showcase.me(&login.cookie()).await.status, 401, "{name}"),
            status => assert_eq!(status, 401, "{name}"),
        }

        // The other way round nobody is turned away: what begins afterwards is good.
        assert_eq!(showcase.me(&changed.cookie()).await.status, 200, "{name}");
        let login = showcase.log_in(OLD).await;
        assert_eq!(showcase.me(&login.cookie()).await.status, 200, "{name}");
        assert_eq!(showcase.token(OLD).await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn ses_11_of_two_changes_with_one_password_the_later_is_refused() {
    for (name, showcase) in each().await {
        let (first, second) = (showcase.log_in(OLD).await, showcase.log_in(OLD).await);
        let (first, second) = (first.cookie(), second.cookie());
        let late = showcase
            .under_way(async move |showcase: Showcase| {
                showcase.change(&first, OLD, "late-password").await
            })
            .await;
        let changed = showcase.change(&second, OLD, "good-password").await;
        assert_eq!(changed.status, 303, "{name}: {}", changed.body);
        let good = showcase.log_in("good-password").await.cookie();

        let late = showcase.finish(late).await;
        assert_eq!(late.status, 409, "{name}: {}", late.body);
        assert_eq!(late.json()["code"], "password_changed_meanwhile", "{name}");
        for (password, status) in [(OLD, 401), ("late-password", 401), ("good-password", 303)] {
            let login = showcase.log_in(password).await;
            assert_eq!(login.status, status, "{name}: {password}");
        }
        // The one that was refused has ended nothing.
        for cookie in [good, changed.cookie()] {
            assert_eq!(showcase.me(&cookie).await.status, 200, "{name}");
        }
    }
}
