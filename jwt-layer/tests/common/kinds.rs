//! Policies and good claims of every kind of token.
#![allow(dead_code, reason = "each test file uses a part")]

use jwt_layer::kind::{
    ClientAssertion, IdToken, IntrospectionResponse, JarmResponse, LogoutToken, UserInfoResponse,
};
use jwt_layer::{PolicyBuilder, TokenKind, TokenVerifier, VerificationPolicy};
use serde_json::{Value, json};

use super::{ISSUER, NOW, SECRET, claims, clock, forge, key};

pub(crate) const CLIENT: &str = "client-1";
pub(crate) const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

pub(crate) fn verifier<K: TokenKind>(policy: PolicyBuilder<K>) -> TokenVerifier<K> {
    TokenVerifier::new(policy.build().unwrap(), key()).clock(clock())
}

pub(crate) fn id_tokens() -> PolicyBuilder<IdToken> {
    VerificationPolicy::id_token(ISSUER, CLIENT)
}

pub(crate) fn logout_tokens() -> PolicyBuilder<LogoutToken> {
    VerificationPolicy::logout_token(ISSUER, CLIENT)
}

pub(crate) fn assertions() -> PolicyBuilder<ClientAssertion> {
    VerificationPolicy::client_assertion(CLIENT, ISSUER)
}

pub(crate) fn user_infos() -> PolicyBuilder<UserInfoResponse> {
    VerificationPolicy::user_info_response(ISSUER, CLIENT)
}

pub(crate) fn introspections() -> PolicyBuilder<IntrospectionResponse> {
    VerificationPolicy::introspection_response(ISSUER, CLIENT)
}

pub(crate) fn jarm_responses() -> PolicyBuilder<JarmResponse> {
    VerificationPolicy::jarm_response(ISSUER, CLIENT)
}

/// A token with any `typ`, or none.
pub(crate) fn sign(typ: Option<&str>, claims: &Value) -> String {
    let mut header = json!({ "alg": "HS256" });
    if let Some(typ) = typ {
        header["typ"] = json!(typ);
    }
    forge(&header.to_string(), &claims.to_string(), &SECRET)
}

/// `base` with some claims replaced; `null` takes one away.
pub(crate) fn with(base: &Value, changes: &Value) -> Value {
    let mut claims = base.clone();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

pub(crate) fn id_claims() -> Value {
    with(&claims(), &json!({ "aud": CLIENT, "nonce": "n" }))
}

pub(crate) fn logout_claims() -> Value {
    let own = json!({ "aud": CLIENT, "jti": "l1", "sid": "s1", "events": { EVENT: {} } });
    with(&claims(), &own)
}

pub(crate) fn assertion_claims() -> Value {
    json!({ "iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "jti": "a1", "iat": NOW, "exp": NOW + 60 })
}

pub(crate) fn user_info_claims() -> Value {
    json!({ "iss": ISSUER, "aud": CLIENT, "sub": "alice", "email": "alice@example.com" })
}

pub(crate) fn introspection_claims() -> Value {
    json!({ "iss": ISSUER, "aud": CLIENT, "iat": NOW, "token_introspection": { "active": true } })
}

pub(crate) fn jarm_claims() -> Value {
    json!({ "iss": ISSUER, "aud": CLIENT, "exp": NOW + 60, "code": "c", "state": "s" })
}
