use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use auth_layer::digest::{
    Algorithm, Digest, DigestCredentials, DigestRecord, DigestStore, Ha1, MemoryDigestStore,
    ResponseInput, UserHash, response,
};
use auth_layer::{AuthError, AuthLayer};
use bytes::Bytes;
use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Request, Response, StatusCode};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::attempts::tests::{Door, RIGHT, client};

const REALM: &str = "door";

/// Alice and bob, for Digest; counts how often it is asked, and can be told to fail.
#[derive(Clone)]
struct Store {
    users: MemoryDigestStore,
    finds: Arc<AtomicUsize>,
    fails: Arc<Mutex<bool>>,
}

impl Store {
    fn new() -> Self {
        let users = MemoryDigestStore::new(REALM);
        for name in ["alice", "bob"] {
            let algorithms = [Algorithm::Sha256];
            users.set(
                name,
                DigestRecord::from_password(name, REALM, RIGHT, algorithms),
            );
        }
        Self {
            users,
            finds: Arc::default(),
            fails: Arc::default(),
        }
    }
}

impl DigestStore for Store {
    async fn find(&self, username: &str) -> Result<Option<DigestRecord>, AuthError> {
        self.finds.fetch_add(1, Ordering::SeqCst);
        if *self.fails.lock().unwrap() {
            return Err(AuthError::unavailable("store_down"));
        }
        self.users.find(username).await
    }

    async fn find_by_userhash(&self, hash: &UserHash) -> Result<Option<DigestRecord>, AuthError> {
        self.users.find_by_userhash(hash).await
    }
}

struct DigestDoor {
    door: Door,
    store: Store,
    layer: AuthLayer<super::LimitedScheme<Digest>>,
}

impl DigestDoor {
    fn new(rules: &str) -> Self {
        let (door, store) = (Door::new(rules), Store::new());
        let digest = Digest::builder(REALM, store.clone()).build().unwrap();
        let layer = AuthLayer::new(
            door.limits
                .limit_scheme(digest, DigestCredentials::username),
        );
        Self { door, store, layer }
    }

    async fn send(&self, from: &str, authorization: Option<&str>) -> Response<Bytes> {
        let mut req = Request::get("/").body(Bytes::new()).unwrap();
        req.extensions_mut().insert(client(from));
        if let Some(value) = authorization {
            let value = value.parse().unwrap();
            req.headers_mut().insert(AUTHORIZATION, value);
        }
        let handler = service_fn(async |_: Request<Bytes>| {
            Ok::<_, Infallible>(Response::new(Bytes::from_static(b"handled")))
        });
        self.layer.layer(handler).oneshot(req).await.unwrap()
    }

    /// What answers a fresh challenge.
    async fn authorization(&self, name: &str, password: &str) -> String {
        let challenge = self.send("unknown", None).await;
        assert_eq!(challenge.status(), StatusCode::OK, "nobody has to log in");
        let refused = self.send("unknown", Some("Digest x")).await;
        let challenge = refused.headers()[WWW_AUTHENTICATE].to_str().unwrap();
        let nonce = challenge.split("nonce=\"").nth(1).unwrap();
        let nonce = nonce.split('"').next().unwrap();
        let input = ResponseInput {
            method: "GET",
            uri: "/",
            nonce,
            nc: "00000001",
            cnonce: "c",
            body: None,
        };
        let ha1 = Ha1::from_password(Algorithm::Sha256, name, REALM, password);
        let response = response(&ha1, &input);
        format!(
            "Digest username=\"{name}\", realm=\"{REALM}\", nonce=\"{nonce}\", uri=\"/\", \
             algorithm=SHA-256, qop=auth, nc=00000001, cnonce=\"c\", response=\"{response}\""
        )
    }

    async fn try_digest(&self, from: &str, name: &str, password: &str) -> u16 {
        let authorization = self.authorization(name, password).await;
        let res = self.send(from, Some(&authorization)).await;
        let limited = res.status() == StatusCode::TOO_MANY_REQUESTS;
        assert_eq!(res.headers().contains_key(RETRY_AFTER), limited);
        assert_eq!(
            res.headers().contains_key(WWW_AUTHENTICATE),
            res.status() == 401
        );
        res.status().as_u16()
    }
}

#[tokio::test]
async fn bas_02_guesses_by_digest_use_the_budget_of_the_account() {
    let digest = DigestDoor::new("100/m/ip,5/5m/account");
    // Half of them by the form, in another spelling.
    assert!(digest.door.try_login(" ALICE", "wrong").await.is_err());
    assert!(digest.door.try_login("alice", "wrong").await.is_err());
    for n in 0..3 {
        let from = format!("203.0.113.{n}");
        assert_eq!(digest.try_digest(&from, "alice", "wrong").await, 401);
    }
    assert_eq!(digest.store.finds.load(Ordering::SeqCst), 3);
    for password in ["wrong", RIGHT] {
        assert_eq!(
            digest.try_digest("203.0.113.9", "alice", password).await,
            429
        );
        assert!(digest.door.try_login("alice", password).await.is_err());
    }
    // Nobody was asked, and others are not concerned.
    assert_eq!(digest.store.finds.load(Ordering::SeqCst), 3);
    assert_eq!(digest.try_digest("203.0.113.9", "bob", RIGHT).await, 200);
}

#[tokio::test]
async fn bas_02_guesses_by_digest_use_the_budget_of_the_address() {
    let digest = DigestDoor::new("2/m/ip");
    for (from, name, status) in [
        ("2001:db8::1", "alice", 401),
        ("2001:db8::2", "nobody", 401),
        ("2001:db8::3", "bob", 429),
        ("203.0.113.7", "bob", 401),
    ] {
        assert_eq!(
            digest.try_digest(from, name, "wrong").await,
            status,
            "{from}"
        );
    }
}

#[tokio::test]
async fn bas_03_of_a_hundred_parallel_guesses_by_digest_five_are_checked() {
    let digest = Arc::new(DigestDoor::new("1000/m/ip,5/5m/account"));
    let authorization = digest.authorization("alice", "wrong").await;
    let mut guesses = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (digest, authorization) = (Arc::clone(&digest), authorization.clone());
        guesses.spawn(async move {
            let res = digest.send("203.0.113.7", Some(&authorization)).await;
            res.status().as_u16()
        });
    }
    let statuses = guesses.join_all().await;
    let count = |status| statuses.iter().filter(|own| **own == status).count();
    assert_eq!((count(401), count(429)), (5, 95));
    assert_eq!(digest.store.finds.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn bas_04_what_guesses_nothing_by_digest_costs_nothing() {
    let digest = DigestDoor::new("1/m/ip");
    let here = "203.0.113.7";
    for _ in 0..3 {
        // Right, and right once more: used before, so stale.
        let authorization = digest.authorization("alice", RIGHT).await;
        for status in [200, 401] {
            let res = digest.send(here, Some(&authorization)).await;
            assert_eq!(res.status().as_u16(), status);
        }
        // What cannot be good, and a nonce of another key.
        assert_eq!(digest.send(here, Some("Digest x")).await.status(), 401);
        let forged = authorization.replace("nonce=\"", "nonce=\"A");
        assert_eq!(digest.send(here, Some(&forged)).await.status(), 401);
    }
    // A store that fails costs it, as with passwords.
    *digest.store.fails.lock().unwrap() = true;
    assert_eq!(digest.try_digest(here, "alice", RIGHT).await, 503);
    *digest.store.fails.lock().unwrap() = false;
    assert_eq!(digest.try_digest(here, "alice", RIGHT).await, 429);
}

#[tokio::test]
async fn x_09_guesses_by_digest_that_cannot_be_counted_are_503() {
    let digest = DigestDoor::new("10/m/ip");
    digest.door.counters.fail.store(true, Ordering::SeqCst);
    for password in ["wrong", RIGHT] {
        assert_eq!(
            digest.try_digest("203.0.113.7", "alice", password).await,
            503
        );
    }
    assert_eq!(digest.store.finds.load(Ordering::SeqCst), 0);
}

#[test]
fn traits_and_debug() {
    fn assert<T: Send + Sync + Clone + std::fmt::Debug + 'static>() {}
    assert::<super::LimitedScheme<Digest>>();
    let digest = DigestDoor::new("10/m/ip");
    let scheme = digest.door.limits.limit_scheme(
        Digest::builder(REALM, digest.store.clone())
            .build()
            .unwrap(),
        DigestCredentials::username,
    );
    let text = format!("{scheme:?}");
    assert!(text.contains("10/m/ip") && text.contains(REALM), "{text}");
}
