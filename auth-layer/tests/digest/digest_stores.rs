//! Users and counters: unknown, changed, removed, and out of reach.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use auth_layer::AuthErrorKind::{self, Invalid, Unavailable};
use auth_layer::digest::{
    Algorithm, Digest, DigestRecord, DigestStore, MemoryDigestStore, MemoryNonceCounters,
    NonceCounters, NonceId, UserHash,
};
use auth_layer::{AuthError, Identity};
use http::header::RETRY_AFTER;

use crate::site::{
    ALL, Answer, PASSWORD, REALM, USER, builder, nonce, read_challenges, refusal, users,
};

#[tokio::test]
async fn bas_01_unknown_users_and_wrong_passwords_are_one_answer() {
    /// Counts what is asked.
    struct Counting(MemoryDigestStore, Arc<AtomicUsize>);

    impl DigestStore for Counting {
        async fn find(&self, username: &str) -> Result<Option<DigestRecord>, AuthError> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.find(username).await
        }

        async fn find_by_userhash(
            &self,
            userhash: &UserHash,
        ) -> Result<Option<DigestRecord>, AuthError> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.find_by_userhash(userhash).await
        }
    }

    let users = users();
    users.set(
        "old",
        DigestRecord::from_password("old", REALM, PASSWORD, [Algorithm::Md5]),
    );
    let asked = Arc::new(AtomicUsize::new(0));
    let digest = Digest::builder(REALM, Counting(users, Arc::clone(&asked)))
        .offer_userhash()
        .build()
        .unwrap();

    let hash = |user| {
        let hash = UserHash::of(Algorithm::Sha256, user, REALM).to_hex();
        format!("username=\"{hash}\", userhash=true")
    };
    let mut answers = Vec::new();
    for (user, password) in [
        (format!("username=\"{USER}\""), "wrong"),
        ("username=\"nobody\"".into(), PASSWORD),
        ("username=\"\"".into(), PASSWORD),
        // She has no password for SHA-256.
        ("username=\"old\"".into(), PASSWORD),
        (hash(USER), "wrong"),
        (hash("nobody"), PASSWORD),
    ] {
        let mut answer = Answer::to(&nonce(&digest).await);
        (answer.user, answer.password) = (user, password);
        let res = answer.send(&digest).await;
        assert_eq!(
            refusal(&res),
            (Invalid, "wrong_response"),
            "{}",
            answer.user
        );
        let challenge = read_challenges(&res).concat();
        let (head, tail) = challenge.split_at(challenge.find("nonce=").unwrap());
        let names: Vec<_> = res.headers().keys().cloned().collect();
        let tail = tail[100..].to_owned();
        answers.push((
            res.status(),
            names,
            res.body().clone(),
            head.to_owned(),
            tail,
        ));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert_eq!(asked.load(Ordering::Relaxed), 6);
}

#[tokio::test]
async fn a_changed_password_and_a_removed_user_count_at_once() {
    let users = users();
    let digest = Digest::builder(REALM, users.clone()).build().unwrap();
    let log_in = async |password| {
        let mut answer = Answer::to(&nonce(&digest).await);
        answer.password = password;
        answer.send(&digest).await.status() == 200
    };

    assert!(log_in(PASSWORD).await);
    let changed = DigestRecord::from_password(USER, REALM, "battery staple", ALL);
    assert!(users.replace(USER, changed));
    assert!(!log_in(PASSWORD).await);
    assert!(log_in("battery staple").await);
    assert!(users.remove(USER));
    assert!(!log_in("battery staple").await);
}

#[tokio::test]
async fn the_identity_is_the_one_of_the_record() {
    let users = users();
    let identity = Identity::builder("imported", "user-17").role("operator");
    let record = DigestRecord::from_password(USER, REALM, PASSWORD, ALL);
    users.set(USER, record.with_identity(identity.build()));
    let digest = Digest::builder(REALM, users).build().unwrap();
    let res = Answer::to(&nonce(&digest).await).send(&digest).await;
    assert_eq!(res.body(), "user-17"); // and `whoami` looks at its scheme
}

struct Broken(AuthErrorKind);

impl DigestStore for Broken {
    async fn find(&self, _: &str) -> Result<Option<DigestRecord>, AuthError> {
        Err(AuthError::new(self.0, "broken"))
    }
}

impl NonceCounters for Broken {
    async fn advance(&self, _: NonceId, _: u32, _: SystemTime) -> Result<bool, AuthError> {
        Err(AuthError::new(self.0, "broken"))
    }
}

#[tokio::test]
async fn x_06_a_store_that_fails_lets_nobody_through_and_accuses_nobody() {
    for (kind, status, reason) in [
        (Unavailable, 503, "broken"),
        (AuthErrorKind::Internal, 500, "broken"),
        (AuthErrorKind::Limited, 429, "broken"),
        // These would be anonymous, or a wrong password.
        (AuthErrorKind::Absent, 503, "digest_store_failed"),
        (Invalid, 503, "digest_store_failed"),
        (AuthErrorKind::Stale, 503, "digest_store_failed"),
    ] {
        for digest in [
            Digest::builder(REALM, Broken(kind)).build().unwrap(),
            builder().nonce_counters(Broken(kind)).build().unwrap(),
        ] {
            let res = Answer::to(&nonce(&digest).await).send(&digest).await;
            assert_eq!(res.status(), status, "{kind:?}");
            assert_eq!(refusal(&res).1, reason, "{kind:?}");
        }
    }
}

#[tokio::test]
async fn dig_01_full_counters_answer_503_and_forget_nothing() {
    let counters = MemoryNonceCounters::with_capacity(1).unwrap();
    let digest = builder().nonce_counters(counters).build().unwrap();
    let first = Answer::to(&nonce(&digest).await);
    assert_eq!(first.send(&digest).await.status(), 200);

    let res = Answer::to(&nonce(&digest).await).send(&digest).await;
    assert_eq!(refusal(&res), (Unavailable, "nonce_counters_full"));
    assert!(res.headers().contains_key(RETRY_AFTER));
    assert_eq!(first.send(&digest).await.status(), 401);
}
