//! The example `jwt-api` with a real provider, whose keys rotate and which goes down.
#![allow(clippy::unwrap_used, reason = "a test may")]
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a list of one header reads like one of two"
)]

mod support;

use support::provider::{self, API, client_token, user_tokens, with_unknown_key};
use support::{Running, refuses_to_start};
use test_servers::OidcProvider;

fn start(provider: &OidcProvider) -> Running {
    let issuer = provider.issuer();
    let variables = [
        ("ISSUER", &*issuer),
        ("AUDIENCE", API),
        ("KEYS_COOLDOWN", "1"),
    ];
    Running::start("jwt-api", &variables)
}

fn bearer(api: &Running, token: &str) -> Vec<String> {
    api.secret(token);
    vec![format!("authorization: Bearer {token}")]
}

#[tokio::test]
async fn tokens_of_users_and_of_clients_are_verified_through_discovery() {
    let provider = provider::start();
    let api = start(&provider);
    let tokens = user_tokens(&provider, "ann", "read").await;
    let ann = tokens["access_token"].as_str().unwrap();
    let robot = client_token(&provider, API, "write").await;

    let me = api.get("/me", &bearer(&api, ann)).await;
    assert_eq!(me.status, 200, "{me:?}");
    assert_eq!(me.json()["subject"], "ann");
    assert_eq!(me.json()["scopes"][0], "read");
    assert_eq!(api.get("/reports", &bearer(&api, ann)).await.status, 200);

    let me = api.get("/me", &bearer(&api, &robot)).await;
    assert_eq!(me.json()["subject"], "robot", "{me:?}");
    let refused = api.get("/reports", &bearer(&api, &robot)).await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.problem(), "insufficient_scope");
    let challenge = refused.header("www-authenticate");
    assert!(
        challenge.contains(r#"error="insufficient_scope""#),
        "{challenge}"
    );

    // What the provider issued for something else.
    let elsewhere = client_token(&provider, "https://other.example", "read").await;
    let id_token = tokens["id_token"].as_str().unwrap();
    for token in [&*elsewhere, id_token, &with_unknown_key(&provider)] {
        let answer = api.get("/me", &bearer(&api, token)).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert_eq!(answer.problem(), "invalid_credential");
    }
    let nobody = api.get("/me", &[]).await;
    assert_eq!(nobody.status, 401);
    assert!(!nobody.header("www-authenticate").contains("error="));
}

#[tokio::test]
async fn key_08_the_provider_changes_its_keys() {
    let mut provider = provider::start();
    let api = start(&provider);
    let old = bearer(&api, &client_token(&provider, API, "read").await);
    assert_eq!(api.get("/me", &old).await.status, 200);

    // The new key is fetched when the first token comes that names it; both are good.
    provider.rotate_keys();
    let new = bearer(&api, &client_token(&provider, API, "read").await);
    api.wait_for("/me", &new, 200).await;
    assert_eq!(api.get("/me", &old).await.status, 200);

    // When the keys are fetched next, what the old one has signed is over.
    provider.retire_keys();
    let unknown = bearer(&api, &with_unknown_key(&provider));
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while api.get("/me", &old).await.status == 200 {
        assert!(
            std::time::Instant::now() < deadline,
            "the old key is still good"
        );
        assert_eq!(api.get("/me", &unknown).await.status, 401);
    }
    assert_eq!(api.get("/me", &old).await.status, 401);
    assert_eq!(api.get("/me", &new).await.status, 200);
}

#[tokio::test]
async fn key_03_the_provider_goes_down() {
    let mut provider = provider::start();
    let api = start(&provider);
    let old = bearer(&api, &client_token(&provider, API, "read").await);
    assert_eq!(api.get("/me", &old).await.status, 200);
    provider.rotate_keys();
    let new = bearer(&api, &client_token(&provider, API, "read").await);
    let unknown = bearer(&api, &with_unknown_key(&provider));

    // The kept key goes on. What would need another is not accepted, and nobody waits for long.
    provider.kill();
    for _ in 0..50 {
        assert_eq!(api.get("/me", &old).await.status, 200);
        for token in [&unknown, &new] {
            let answer = api.get("/me", token).await;
            assert!([401, 503].contains(&answer.status.as_u16()), "{answer:?}");
        }
    }
    assert_eq!(api.get("/readyz", &[]).await.status, 200);

    // A process that starts meanwhile has no keys, which is nobody's fault who asks.
    let late = start(&provider);
    let answer = late.get("/me", &old).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.problem(), "temporarily_unavailable");
    assert_eq!(late.get("/readyz", &[]).await.status, 503);

    provider.restart();
    for api in [&api, &late] {
        api.wait_for("/me", &new, 200).await;
        assert_eq!(api.get("/me", &old).await.status, 200);
        assert_eq!(api.get("/readyz", &[]).await.status, 200);
    }
}

#[test]
fn what_is_missing_is_named() {
    for (variables, named) in [
        (&[][..], "ISSUER"),
        (&[("ISSUER", "https://id.example")], "AUDIENCE"),
        (
            &[("ISSUER", "http://id.example"), ("AUDIENCE", API)],
            "https",
        ),
    ] {
        let said = refuses_to_start("jwt-api", variables);
        assert!(said.contains(named), "{said}");
    }
}
