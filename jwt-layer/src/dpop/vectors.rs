//! The published proofs (RFC 9449), and those with one fault each.

use auth_layer::{AuthErrorKind, MemorySingleUse, SharedClock, from_unix_seconds};
use http::{HeaderValue, Request};
use serde_json::Value;

use super::*;

/// Judges a row as the layer would: the one `DPoP` header, the proof, the token's key, and its first
/// use.
async fn judge(row: &Value, used: &MemorySingleUse) -> Result<(), AuthError> {
    let now = from_unix_seconds(row["now"].as_u64().unwrap()).unwrap();
    let uri: http::Uri = row["uri"].as_str().unwrap().parse().unwrap();
    let origin = format!(
        "{}://{}",
        uri.scheme_str().unwrap(),
        uri.authority().unwrap()
    );
    let mut dpop =
        Dpop::builder(origin.parse().unwrap(), used.clone()).clock(SharedClock::new(move || now));
    // Nonces of others are nobody's; that ours are taken is tested elsewhere.
    if row["required_nonce"].is_string() && row["expected"] == "invalid" {
        dpop = dpop.nonces([7; 32], std::time::Duration::from_secs(300));
    }
    let dpop = dpop.build().unwrap();

    let mut req = Request::builder()
        .method(row["method"].as_str().unwrap())
        .uri(uri);
    let proofs = row["proof"].as_array().cloned();
    for proof in proofs.unwrap_or_else(|| vec![row["proof"].clone()]) {
        req = req.header(
            PROOF,
            HeaderValue::from_str(proof.as_str().unwrap()).unwrap(),
        );
    }
    let (parts, ()) = req.body(()).unwrap().into_parts();
    let presented = dpop.present(&parts)?;
    let token = row["access_token"].as_str().map(str::as_bytes);
    let proof = dpop.check(&presented, token, now)?;
    if let Some(jkt) = row["jkt"].as_str()
        && proof.key != jkt.parse().unwrap()
    {
        return Err(AuthError::invalid("bound_to_another_key"));
    }
    dpop.use_up(&proof, now).await
}

#[tokio::test]
async fn dpo_02_every_published_proof_is_judged_as_it_should_be() {
    let file = include_str!("../../tests/vectors/dpop.json");
    let file: Value = serde_json::from_str(file).unwrap();
    let rows = file["vectors"].as_array().unwrap();
    assert_eq!(rows.len(), 38);
    for row in rows {
        let name = row["name"].as_str().unwrap();
        let used = MemorySingleUse::new();
        let judged = judge(row, &used).await;
        match row["expected"].as_str().unwrap() {
            "valid" => {
                assert!(judged.is_ok(), "{name}: {judged:?}");
                assert!(judge(row, &used).await.is_err(), "{name} again");
            }
            "invalid" => {
                let error = judged.expect_err(name);
                let nonce = row["required_nonce"].is_string();
                assert_eq!(
                    error.kind() == AuthErrorKind::Stale,
                    nonce,
                    "{name}: {error}"
                );
                let two = name.ends_with("two-dpop-headers");
                let status = if two { 400 } else { 401 };
                assert_eq!(error.status().as_u16(), status, "{name}: {error}");
            }
            "invalid-second-time" => {
                judged.expect(name);
                let error = judge(row, &used).await.expect_err(name);
                assert_eq!(error.reason(), "dpop_used_before", "{name}");
            }
            "policy" => {}
            other => panic!("{name}: {other}"),
        }
    }
}
