//! Rings of signing keys on Redis.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

mod common;

use std::time::Duration;

use auth_layer::{AuthError, AuthErrorKind, SealingKeys};
use auth_test::ManualClock;
use jwt_layer::{AccessTokenRequest, Algorithm, Issuer, Jwt, KeyRing, SigningKeyStore};
use test_servers::RedisServer;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn key_11_nodes_share_a_ring_on_redis() {
    let mut server = RedisServer::start();
    let store = common::store(&server).signing_keys();
    live(store.clone()).await;

    // While Redis is down, the ring goes on; Redis comes back empty, and what it has lost is put back.
    let time = ManualClock::new();
    let ring = KeyRing::builder(Algorithm::EdDsa, store.clone())
        .sealed_with(SealingKeys::new(&[7; 32]).unwrap())
        .name("other")
        .clock(time.clone())
        .open()
        .await
        .unwrap();
    server.kill();
    let error = ring.rotate().await.unwrap_err();
    assert_eq!(error.kind(), AuthErrorKind::Unavailable);
    let node = Node::new(&ring, &time);
    node.verify(&node.issue()).await.unwrap();
    server.restart();
    let deadline = std::time::Instant::now() + Duration::from_secs(5);
    while ring.update().await.is_err() {
        assert!(std::time::Instant::now() < deadline, "no connection");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(store.load("other").await.unwrap().is_some());
    assert_eq!(store.load("default").await.unwrap(), None);
}

/// Two nodes on one store, which is down in between; then both are started again.
async fn live<S: SigningKeyStore + Clone>(store: S) {
    let time = ManualClock::new();
    let open = || {
        KeyRing::builder(Algorithm::Es256, store.clone())
            .sealed_with(SealingKeys::new(&[7; 32]).unwrap())
            .token_lifetime(HOUR)
            .clock(time.clone())
            .open()
    };
    // Both start at once.
    let (a, b) = tokio::join!(open(), open());
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!(a.keys(), b.keys());
    assert_eq!(a.keys().len(), 1);
    let (here, there) = (Node::new(&a, &time), Node::new(&b, &time));
    let old = there.issue();
    here.verify(&old).await.unwrap();

    // Both rotate at once.
    let (first, second) = tokio::join!(a.rotate(), b.rotate());
    first.unwrap();
    second.unwrap();
    assert_eq!(a.keys(), b.keys());
    assert_eq!(a.keys().len(), 2);
    time.advance(10 * MINUTE);
    let new = here.issue();
    there.verify(&new).await.unwrap();
    here.verify(&old).await.unwrap();

    // Started again: no key is lost.
    let again = Node::new(&open().await.unwrap(), &time);
    again.verify(&new).await.unwrap();
    again.verify(&old).await.unwrap();

    // A key that one node takes out is gone on the others when they look.
    let kid = a.keys()[0].kid.clone();
    assert!(a.revoke_key(&kid).await.unwrap());
    here.verify(&old).await.unwrap_err();
    there.verify(&old).await.unwrap();
    b.update().await.unwrap();
    there.verify(&old).await.unwrap_err();
    there.verify(&new).await.unwrap();

    // The previous one ends by its time, and is deleted.
    b.rotate().await.unwrap();
    time.advance(10 * MINUTE + HOUR + 5 * MINUTE);
    assert_eq!(b.keys().len(), 1);
    b.update().await.unwrap();
    a.update().await.unwrap();
    assert_eq!(a.keys(), b.keys());

    // What is kept names neither the key nor its kind.
    let kept = store.load("default").await.unwrap().unwrap();
    for hidden in ["private", "ES256", &a.keys()[0].kid] {
        let hidden = hidden.as_bytes();
        assert!(!kept.windows(hidden.len()).any(|part| part == hidden));
    }
}

struct Node {
    issuer: Issuer,
    jwt: Jwt,
}

impl Node {
    fn new(ring: &KeyRing, time: &ManualClock) -> Self {
        let issuer = Issuer::builder(
            "https://id.example.com",
            "https://api.example.com",
            ring.clone(),
        )
        .lifetime(HOUR)
        .clock(time.clone())
        .build()
        .unwrap();
        let jwt = Jwt::new(issuer.policy().build().unwrap(), issuer.verifying_keys());
        Self {
            jwt: jwt.clock(time.clone()),
            issuer,
        }
    }

    fn issue(&self) -> String {
        let token = self.issuer.issue(&AccessTokenRequest::new("user-17"));
        token.unwrap().expose().to_owned()
    }

    async fn verify(&self, token: &str) -> Result<(), AuthError> {
        self.jwt.verify_token(token).await.map(drop)
    }
}
