//! Nonces: expiry, replay, forgery, and several nodes.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use auth_layer::AuthErrorKind::{Invalid, Stale};
use auth_layer::SecretSlice;
use auth_layer::digest::{Digest, MemoryNonceCounters};
use tokio::runtime::{Builder, Runtime};

use crate::site::{
    Answer, Hands, builder, is_stale, nonce, nonce_of, read_challenges, refusal, users,
};

const LIFETIME: Duration = Duration::from_secs(300);
const TICK: Duration = Duration::from_millis(1);

#[tokio::test]
async fn dig_01_expired_nonces_are_stale_whatever_the_password() {
    for (age, password, expected) in [
        (LIFETIME - TICK, "correct horse", None),
        (LIFETIME, "correct horse", Some((Stale, "nonce_expired"))),
        (
            LIFETIME + TICK,
            "correct horse",
            Some((Stale, "nonce_expired")),
        ),
        (
            LIFETIME * 1000,
            "correct horse",
            Some((Stale, "nonce_expired")),
        ),
        (LIFETIME - TICK, "wrong", Some((Invalid, "wrong_response"))),
        (LIFETIME, "wrong", Some((Stale, "nonce_expired"))),
    ] {
        let hands = Hands::new();
        let digest = builder().clock(hands.clock()).build().unwrap();
        let mut answer = Answer::to(&nonce(&digest).await);
        answer.password = password;
        hands.forward(age);
        let res = answer.send(&digest).await;
        match expected {
            None => assert_eq!(res.status(), 200, "{age:?}"),
            Some(expected) => {
                assert_eq!(refusal(&res), expected, "{age:?} {password}");
                assert_eq!(is_stale(&res), expected.0 == Stale, "{age:?} {password}");
                // The challenge that came with it works at once.
                answer.nonce = nonce_of(&read_challenges(&res)[0]);
                let status = answer.send(&digest).await.status();
                assert_eq!(status == 200, password != "wrong", "{age:?} {password}");
            }
        }
    }
}

#[tokio::test]
async fn dig_01_the_lifetime_can_be_chosen() {
    let hands = Hands::new();
    let digest = builder()
        .clock(hands.clock())
        .nonce_lifetime(Duration::from_secs(1))
        .build()
        .unwrap();
    let answer = Answer::to(&nonce(&digest).await);
    hands.forward(Duration::from_secs(1));
    assert!(is_stale(&answer.send(&digest).await));
}

#[tokio::test]
async fn dig_01_a_request_cannot_be_sent_twice() {
    let digest = builder().build().unwrap();
    let mut answer = Answer::to(&nonce(&digest).await);
    for (nc, good) in [
        ("00000000", false),
        ("00000001", true),
        ("00000001", false),
        ("00000002", true),
        ("0000000a", true),
        ("0000000A", false), // the same number in other letters
        ("00000009", false),
        ("ffffffff", true),
        ("ffffffff", false),
        ("00000001", false),
    ] {
        answer.nc = nc;
        let res = answer.send(&digest).await;
        if good {
            assert_eq!(res.status(), 200, "{nc}");
        } else {
            assert_eq!(refusal(&res), (Stale, "nonce_count_replayed"), "{nc}");
            assert!(is_stale(&res), "{nc}");
        }
    }
}

#[tokio::test]
async fn dig_01_whoever_lacks_the_password_uses_nothing_up() {
    let digest = builder().build().unwrap();
    let good = Answer::to(&nonce(&digest).await);
    let mut bad = good.clone();
    bad.password = "wrong";
    for nc in ["00000001", "ffffffff"] {
        bad.nc = nc;
        assert_eq!(
            refusal(&bad.send(&digest).await),
            (Invalid, "wrong_response")
        );
    }
    assert_eq!(good.send(&digest).await.status(), 200);
}

#[test]
fn dig_01_of_fifty_at_once_exactly_one_passes() {
    let digest = builder().build().unwrap();
    for _round in 0..10 {
        let answer = Answer::to(&runtime().block_on(nonce(&digest)));
        let start = Barrier::new(50);
        let answers: Vec<_> = thread::scope(|scope| {
            let requests = [(); 50].map(|()| {
                scope.spawn(|| {
                    start.wait();
                    runtime().block_on(answer.send(&digest))
                })
            });
            requests.map(|request| request.join().unwrap()).into()
        });
        let (passed, stale): (Vec<_>, Vec<_>) = answers.iter().partition(|res| res.status() == 200);
        assert_eq!((passed.len(), stale.len()), (1, 49));
        assert!(stale.into_iter().all(is_stale));
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

#[tokio::test]
async fn dig_01_nodes_share_a_key_and_counters_or_nothing() {
    let key = |byte: u8| SecretSlice::from(vec![byte; 32]);
    let counters = MemoryNonceCounters::new();
    let node = |key| {
        let builder = builder().nonce_key(key).nonce_counters(counters.clone());
        builder.build().unwrap()
    };
    let (here, there, elsewhere) = (node(key(1)), node(key(1)), node(key(2)));
    let answer = Answer::to(&nonce(&here).await);

    let res = answer.send(&elsewhere).await;
    assert_eq!(refusal(&res), (Invalid, "nonce_forged"));
    assert!(!is_stale(&res));
    assert_eq!(answer.send(&there).await.status(), 200);
    assert!(is_stale(&answer.send(&here).await));

    // Two processes with keys of their own; two realms with one key.
    let res = answer.send(&builder().build().unwrap()).await;
    assert_eq!(refusal(&res), (Invalid, "nonce_forged"));
    let realm = Digest::builder("scanners", users()).nonce_key(key(1));
    let mut answer = Answer::to(&nonce(&here).await);
    answer.realm = "realm=\"scanners\"";
    let res = answer.send(&realm.build().unwrap()).await;
    assert_eq!(refusal(&res), (Invalid, "nonce_forged"));
}
