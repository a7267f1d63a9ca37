//! Rings of signing keys in SQL.
#![allow(clippy::unwrap_used, reason = "for tests only, but not marked as one")]

mod support;

use std::time::Duration;

use auth_layer::{AuthError, SealingKeys};
use auth_test::ManualClock;
use jwt_layer::{AccessTokenRequest, Algorithm, Issuer, Jwt, KeyRing, SigningKeyStore};

use self::support::databases;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn key_11_nodes_share_a_ring_in_sql() {
    for (_, store, _) in databases().await.all {
        live(store.signing_keys()).await;
    }
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
