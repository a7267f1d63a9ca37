//! The example `microservices`: one signs, one fetches its keys, one has them in a file.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod support;

use support::showcase::basic;
use support::{Running, refuses_to_start};

async fn token(sign: &Running) -> Vec<String> {
    let answer = sign
        .send("POST", "/token", &[basic("ann", "correct-horse")], "")
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let token = answer.body.trim();
    sign.secret(token);
    vec![format!("authorization: Bearer {token}")]
}

#[tokio::test]
async fn who_verifies_goes_on_when_the_one_that_signs_is_gone() {
    let sign = Running::start("microservices", &[("ROLE", "sign")]);
    let url = format!("{}/.well-known/jwks.json", sign.url);
    let published = sign.get("/.well-known/jwks.json", &[]).await;
    assert!(
        published.header("cache-control").contains("max-age="),
        "{published:?}"
    );
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("microservices-keys.json");
    std::fs::write(&file, &published.body).unwrap();
    let file = file.to_str().unwrap();

    let start_orders =
        || Running::start("microservices", &[("ROLE", "orders"), ("KEYS_URL", &url)]);
    let start_stock = || Running::start("microservices", &[("ROLE", "stock"), ("KEYS_FILE", file)]);
    let services = [(start_orders(), "/orders"), (start_stock(), "/stock")];
    let ann = token(&sign).await;
    for (service, path) in &services {
        let answer = service.get(path, &ann).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert_eq!(answer.body, "for user-1\n");
        assert_eq!(service.get(path, &[]).await.status, 401);
    }
    // No token without the password, and none of somebody who only uses the same names.
    assert_eq!(sign.send("POST", "/token", &[], "").await.status, 401);
    let impostor = Running::start("microservices", &[("ROLE", "sign")]);
    let forged = token(&impostor).await;
    for (service, path) in &services {
        assert_eq!(service.get(path, &forged).await.status, 401, "{path}");
    }

    drop(sign);
    for (service, path) in &services {
        assert_eq!(service.get(path, &ann).await.status, 200, "{path}");
        assert_eq!(service.get(path, &forged).await.status, 401, "{path}");
    }
    // Who starts only now has the keys, or says that it has none.
    let (orders, stock) = (start_orders(), start_stock());
    assert_eq!(stock.get("/stock", &ann).await.status, 200);
    let answer = orders.get("/orders", &ann).await;
    assert_eq!(answer.status, 503, "{answer:?}");
}

#[tokio::test]
async fn who_guesses_the_password_is_stopped() {
    let sign = Running::start("microservices", &[("ROLE", "sign")]);
    let ask = async |password| {
        let header = basic("ann", password);
        sign.send("POST", "/token", &[header], "").await
    };
    for _ in 0..5 {
        assert_eq!(ask("wrong-battery").await.status, 401);
    }
    let answer = ask("correct-horse").await;
    assert_eq!(answer.status, 429, "{answer:?}");
    assert!(!answer.header("retry-after").is_empty());
}

#[test]
fn a_service_without_a_role_or_keys_does_not_start() {
    for variables in [
        &[][..],
        &[("ROLE", "cook")],
        &[("ROLE", "stock")],
        &[("ROLE", "stock"), ("KEYS_FILE", "/there/is/no/such/file")],
        &[("ROLE", "orders"), ("KEYS_URL", "http://id.example/keys")],
    ] {
        refuses_to_start("microservices", variables);
    }
}
