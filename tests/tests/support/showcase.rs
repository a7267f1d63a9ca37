//! The showcase, and the credentials that it gives out; each is remembered as a secret.

use serde_json::{Value, json};

use super::{Answer, Running};

pub const PASSWORD: &str = "correct horse battery";

pub fn start() -> Running {
    let showcase = Running::start("showcase", &[("DEMO_PASSWORD", PASSWORD)]);
    showcase.secret(PASSWORD);
    showcase
}

pub async fn log_in(showcase: &Running, user: &str, password: &str) -> Answer {
    let form = format!("username={user}&password={}", password.replace(' ', "+"));
    let answer = showcase.post_form("/login", &[], &form).await;
    if answer.status == 303 {
        showcase.secret(answer.cookie().split_once('=').unwrap().1);
    }
    answer
}

pub async fn bearer(showcase: &Running, user: &str, password: &str) -> String {
    let body = json!({ "username": user, "password": password });
    let answer = showcase.post_json("/token", &[], &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    showcase.secret(&token);
    format!("authorization: Bearer {token}")
}

pub async fn api_key(showcase: &Running, authorization: &str, body: &Value) -> (String, Value) {
    let answer = showcase
        .post_json("/api-keys", &[authorization.to_owned()], body)
        .await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let created = answer.json();
    let key = created["key"].as_str().unwrap().to_owned();
    showcase.secret(&key);
    (format!("x-api-key: {key}"), created)
}

pub fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    format!("authorization: Basic {pair}")
}

/// A header with a token of another issuer, signed with a shared secret.
pub fn hs256(secret: &str, claims: &Value) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use hmac::{Hmac, KeyInit as _, Mac as _};

    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    let signed = format!("{}.{}", part(&header), part(claims));
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    format!("authorization: Bearer {signed}.{signature}")
}
