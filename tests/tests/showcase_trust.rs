//! The showcase with a second issuer whose keys it fetches: a real provider.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use support::Running;
use support::provider::{self, API, client_token, user_tokens, with_unknown_key};
use test_servers::OidcProvider;

fn start(provider: &OidcProvider) -> Running {
    let issuer = provider.issuer();
    let jwks = format!("{issuer}/jwks");
    let variables = [
        ("TRUST_ISSUER", &*issuer),
        ("TRUST_AUDIENCE", API),
        ("TRUST_ALGORITHMS", "RS256"),
        ("TRUST_JWKS", &*jwks),
    ];
    Running::start("showcase", &variables)
}

fn bearer(showcase: &Running, token: &str) -> Vec<String> {
    showcase.secret(token);
    vec![format!("authorization: Bearer {token}")]
}

#[tokio::test]
async fn jwt_10_a_second_issuer_is_trusted_by_keys_that_are_fetched() {
    let mut provider = provider::start();
    let showcase = start(&provider);
    assert_eq!(showcase.get("/readyz", &[]).await.status, 200);

    let tokens = user_tokens(&provider, "ann", "read").await;
    let ann = bearer(&showcase, tokens["access_token"].as_str().unwrap());
    let me = showcase.get("/me", &ann).await;
    assert_eq!(me.status, 200, "{me:?}");
    assert_eq!(me.json()["subject"], "ann");
    assert_eq!(me.json()["issuer"], provider.issuer());
    assert_eq!(me.json()["scopes"][0], "read");

    // What is for others, a program's own, and what names a key that there is not.
    let other = client_token(&provider, "https://other.example", "read").await;
    let own = client_token(&provider, API, "read").await;
    let id_token = tokens["id_token"].as_str().unwrap();
    for token in [&*other, &own, id_token, &with_unknown_key(&provider)] {
        let answer = showcase.get("/me", &bearer(&showcase, token)).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert_eq!(answer.problem(), "invalid_credential");
    }

    // Its outage is not noticed.
    provider.kill();
    assert_eq!(showcase.get("/me", &ann).await.status, 200);
    assert_eq!(showcase.get("/readyz", &[]).await.status, 200);
}

#[tokio::test]
async fn key_03_it_starts_while_the_other_issuer_is_down_and_finds_it_when_it_is_there() {
    let mut provider = provider::start();
    let tokens = user_tokens(&provider, "ann", "read").await;
    provider.kill();
    let showcase = start(&provider);
    let ann = bearer(&showcase, tokens["access_token"].as_str().unwrap());
    for _ in 0..3 {
        let answer = showcase.get("/me", &ann).await;
        assert_eq!(answer.status, 503, "{answer:?}");
        assert_eq!(answer.problem(), "temporarily_unavailable");
    }
    assert_eq!(showcase.get("/readyz", &[]).await.status, 503);
    assert_eq!(showcase.get("/whoami", &[]).await.status, 200);

    // It is asked again 30 seconds after the first attempt, whoever asks first then.
    provider.restart();
    showcase.wait_for("/me", &ann, 200).await;
    assert_eq!(showcase.get("/readyz", &[]).await.status, 200);
}
