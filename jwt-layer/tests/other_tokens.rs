//! Logout tokens, client assertions and signed responses: what each asks for.
#![cfg(any(feature = "aws-lc", feature = "rust-crypto"))]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::time::Duration;

use common::kinds::*;
use common::*;
use jwt_layer::PolicyBuilder;
use jwt_layer::kind::LogoutToken;
use serde_json::{Value, json};

#[tokio::test]
async fn a_logout_token_names_the_event_and_the_session_and_is_new() {
    type Change = fn(PolicyBuilder<LogoutToken>) -> PolicyBuilder<LogoutToken>;
    let same: Change = |policy| policy;
    for (changes, typ, change, refused) in [
        (json!({}), None, same, None),
        (json!({ "sid": null }), None, same, None),
        (json!({ "sub": null }), None, same, None),
        (
            json!({ "sub": null, "sid": null }),
            None,
            same,
            Some("missing_sub_and_sid"),
        ),
        (
            json!({ "sub": "", "sid": "" }),
            None,
            same,
            Some("missing_sub_and_sid"),
        ),
        (json!({ "sid": 1 }), None, same, Some("ill_typed_claim")),
        (
            json!({ "events": null }),
            None,
            same,
            Some("not_a_logout_token"),
        ),
        (
            json!({ "events": {} }),
            None,
            same,
            Some("not_a_logout_token"),
        ),
        (
            json!({ "events": EVENT }),
            None,
            same,
            Some("ill_typed_claim"),
        ),
        (
            json!({ "events": [EVENT] }),
            None,
            same,
            Some("ill_typed_claim"),
        ),
        (
            json!({ "events": { EVENT: true } }),
            None,
            same,
            Some("not_a_logout_token"),
        ),
        (
            json!({ "events": { EVENT: { "more": 1 }, "x": {} } }),
            None,
            same,
            None,
        ),
        (
            json!({ "events": { "http://schemas.openid.net/event/foobar": {} } }),
            None,
            same,
            Some("not_a_logout_token"),
        ),
        (
            json!({ "nonce": "n" }),
            None,
            same,
            Some("not_a_logout_token"),
        ),
        (json!({ "jti": null }), None, same, Some("missing_claim")),
        (
            json!({ "iat": null }),
            None,
            same,
            Some("refused_unverified"),
        ),
        (
            json!({ "exp": null }),
            None,
            same,
            Some("refused_unverified"),
        ),
        (
            json!({ "exp": null }),
            None,
            PolicyBuilder::<LogoutToken>::accept_missing_expiry,
            None,
        ),
        (json!({ "iat": NOW - 660 }), None, same, None),
        (
            json!({ "iat": NOW - 661 }),
            None,
            same,
            Some("refused_unverified"),
        ),
        (
            json!({ "iat": NOW - 661, "exp": null }),
            None,
            PolicyBuilder::<LogoutToken>::accept_missing_expiry,
            Some("refused_unverified"),
        ),
        (
            json!({ "iat": NOW - 91 }),
            None,
            |policy| policy.max_age(Duration::from_secs(30)),
            Some("refused_unverified"),
        ),
        (
            json!({ "aud": [CLIENT, "other"] }),
            None,
            same,
            Some("untrusted_audience"),
        ),
        (
            json!({ "aud": "client-11" }),
            None,
            same,
            Some("wrong_audience"),
        ),
        (
            json!({ "iss": "https://id.example.com1" }),
            None,
            same,
            Some("wrong_issuer"),
        ),
        (
            json!({ "ignored_claim": 1 }),
            Some("logout+jwt"),
            same,
            None,
        ),
        (
            json!({}),
            Some("logout+jwt"),
            PolicyBuilder::<LogoutToken>::require_type,
            None,
        ),
        (
            json!({}),
            None,
            PolicyBuilder::<LogoutToken>::require_type,
            Some("wrong_token_type"),
        ),
        (
            json!({}),
            Some("JWT"),
            PolicyBuilder::<LogoutToken>::require_type,
            Some("wrong_token_type"),
        ),
    ] {
        let token = sign(typ, &with(&logout_claims(), &changes));
        let verified = verifier(change(logout_tokens())).verify(&token).await;
        let reason = verified.err().map(|error| error.reason());
        assert_eq!(reason, refused, "{changes} {typ:?}");
    }
    let verified = verifier(logout_tokens())
        .verify(&sign(None, &logout_claims()))
        .await
        .unwrap();
    assert_eq!(verified.session_id(), Some("s1"));
    assert_eq!(verified.token_id(), Some("l1"));
}

#[tokio::test]
async fn a_client_assertion_is_of_the_client_for_one_server() {
    for (changes, refused) in [
        (json!({}), None),
        (json!({ "iat": null }), None),
        (json!({ "sub": "client-2" }), Some("wrong_subject")),
        (json!({ "sub": null }), Some("missing_sub")),
        (json!({ "iss": "client-2" }), Some("wrong_issuer")),
        (
            json!({ "iss": "client-2", "sub": "client-2" }),
            Some("wrong_issuer"),
        ),
        (json!({ "aud": [ISSUER] }), Some("ill_typed_claim")),
        (
            json!({ "aud": [ISSUER, "https://other.example"] }),
            Some("ill_typed_claim"),
        ),
        (
            json!({ "aud": "https://id.example.com/token" }),
            Some("wrong_audience"),
        ),
        (json!({ "jti": null }), Some("missing_claim")),
        (json!({ "jti": "" }), Some("missing_jti")),
        (json!({ "exp": null }), Some("refused_unverified")),
        (json!({ "exp": NOW + 601 }), Some("refused_unverified")),
        (
            json!({ "exp": NOW + 601, "iat": null }),
            Some("refused_unverified"),
        ),
        (
            json!({ "response_type": "code" }),
            Some("not_a_client_assertion"),
        ),
        (json!({ "htm": "POST" }), Some("not_a_client_assertion")),
    ] {
        let token = sign(None, &with(&assertion_claims(), &changes));
        let verified = verifier(assertions()).verify(&token).await;
        let reason = verified.err().map(|error| error.reason());
        assert_eq!(reason, refused, "{changes}");
    }
    let endpoint = json!({ "aud": "https://id.example.com/token" });
    let older = assertions().audience("https://id.example.com/token");
    let token = sign(None, &with(&assertion_claims(), &endpoint));
    assert!(verifier(older).verify(&token).await.is_ok());
    let typed = verifier(assertions().require_type());
    assert!(
        typed
            .verify(&sign(None, &assertion_claims()))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn responses_are_for_who_asked_and_about_what_was_asked() {
    for (changes, refused) in [
        (json!({}), None),
        (json!({ "exp": NOW + 60 }), None),
        (json!({ "exp": NOW - 60 }), Some("refused_unverified")),
        (json!({ "sub": "aliceinvalid" }), Some("wrong_subject")),
        (json!({ "sub": null }), Some("missing_sub")),
        (json!({ "aud": null }), Some("missing_aud")),
        (json!({ "iss": null }), Some("missing_iss")),
    ] {
        let token = sign(None, &with(&user_info_claims(), &changes));
        let verified = verifier(user_infos()).verify(&token, "alice").await;
        assert_eq!(
            verified.err().map(|error| error.reason()),
            refused,
            "{changes}"
        );
    }
    for (changes, refused) in [
        (json!({}), None),
        (json!({ "iat": null }), Some("refused_unverified")),
        (json!({ "iat": NOW - 361 }), Some("refused_unverified")),
        (json!({ "aud": "other" }), Some("wrong_audience")),
        (
            json!({ "token_introspection": null }),
            Some("not_an_introspection_response"),
        ),
        (
            json!({ "token_introspection": "{}" }),
            Some("not_an_introspection_response"),
        ),
    ] {
        let claims = with(&introspection_claims(), &changes);
        let token = sign(Some("token-introspection+jwt"), &claims);
        let verified = verifier(introspections()).verify(&token).await;
        assert_eq!(
            verified.err().map(|error| error.reason()),
            refused,
            "{changes}"
        );
    }
    for (changes, refused) in [
        (json!({}), None),
        (json!({ "code": null, "error": "access_denied" }), None),
        (
            json!({ "code": null }),
            Some("not_an_authorization_response"),
        ),
        (json!({ "code": "" }), Some("not_an_authorization_response")),
        (json!({ "code": 1 }), Some("ill_typed_claim")),
        (json!({ "state": "s1" }), Some("wrong_state")),
        (json!({ "state": null }), Some("wrong_state")),
        (json!({ "iss": null }), Some("missing_iss")),
        (
            json!({ "iss": "https://id.example.com1" }),
            Some("wrong_issuer"),
        ),
        (json!({ "aud": null }), Some("missing_aud")),
        (json!({ "aud": "client-11" }), Some("wrong_audience")),
        (json!({ "exp": null }), Some("refused_unverified")),
        (json!({ "exp": NOW - 360 }), Some("refused_unverified")),
        (json!({ "exp": NOW + 601 }), Some("refused_unverified")),
        (
            json!({ "sub": "alice" }),
            Some("not_an_authorization_response"),
        ),
    ] {
        let token = sign(None, &with(&jarm_claims(), &changes));
        let verified = verifier(jarm_responses()).verify(&token, "s").await;
        assert_eq!(
            verified.err().map(|error| error.reason()),
            refused,
            "{changes}"
        );
    }
}

#[tokio::test]
async fn an_introspection_response_holds_an_answer() {
    let token = sign(Some("token-introspection+jwt"), &introspection_claims());
    let verified = verifier(introspections()).verify(&token).await.unwrap();
    assert_eq!(
        verified.introspection::<Value>().unwrap(),
        json!({ "active": true })
    );
    assert!(verified.introspection::<Vec<u8>>().is_err());
}
