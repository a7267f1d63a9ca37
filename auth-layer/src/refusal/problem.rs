//! RFC 9457 problem details.

use std::error::Error as _;

use bytes::Bytes;
use serde::Serialize;

use crate::{AuthError, AuthErrorKind};

/// Answers refusals with `application/problem+json`. The default.
///
/// The body is `{"type","title","status","code"}`; `type` and `code` are stable. Two kinds say
/// more: `insufficient_scope` has `"scope"`, and `insufficient_user_authentication` has `"max_age"`
/// (seconds) or `"acr_values"`. There is nothing else: what exactly was wrong is in the events.
/// Only a program that was built with debug assertions adds `"detail"`, and only to say how to mend
/// layers that are in the wrong order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Problem;

/// `{"type":"urn:problem-type:auth:forbidden","title":"…","status":403,"code":"forbidden"}` and
/// what the identity would need.
#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr_values: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// A problem that says nothing of the request is a constant.
macro_rules! constant {
    ($status:literal, $code:literal, $title:literal) => {
        Bytes::from_static(
            concat!(
                r#"{"type":"urn:problem-type:auth:"#,
                $code,
                r#"","title":""#,
                $title,
                r#"","status":"#,
                $status,
                r#","code":""#,
                $code,
                r#""}"#
            )
            .as_bytes(),
        )
    };
}

pub(super) fn body(error: &AuthError) -> Bytes {
    use AuthErrorKind as Kind;

    match error.kind() {
        Kind::Absent | Kind::Missing => {
            constant!("401", "unauthenticated", "Authentication is required")
        }
        Kind::Conflict => constant!(
            "401",
            "conflicting_credentials",
            "The credentials contradict each other"
        ),
        Kind::Expired | Kind::Invalid | Kind::Malformed | Kind::Revoked | Kind::Stale => {
            constant!("401", "invalid_credential", "The credential is not valid")
        }
        Kind::Forbidden => constant!("403", "forbidden", "This is not allowed"),
        Kind::Misconfigured if cfg!(debug_assertions) => with_more(error, "The server has a fault"),
        Kind::Internal | Kind::Misconfigured => {
            constant!("500", "internal_error", "The server has a fault")
        }
        Kind::InvalidRequest => constant!("400", "invalid_request", "The request is malformed"),
        Kind::Limited => constant!("429", "too_many_requests", "Too many attempts"),
        Kind::Unavailable => constant!(
            "503",
            "temporarily_unavailable",
            "Authentication is temporarily unavailable"
        ),
        Kind::InsufficientScope => with_more(error, "The scope is not sufficient"),
        Kind::InsufficientAuthentication => with_more(
            error,
            "A more recent or stronger authentication is required",
        ),
    }
}

fn with_more(error: &AuthError, title: &'static str) -> Bytes {
    let needed = error.needed();
    let body = Body {
        r#type: format!("urn:problem-type:auth:{}", error.code()),
        title,
        status: error.status().as_u16(),
        code: error.code(),
        scope: (!needed.scopes.is_empty()).then(|| needed.scopes.to_string()),
        max_age: needed.max_age,
        acr_values: (!needed.acr_values.is_empty()).then_some(&needed.acr_values),
        detail: (error.kind() == AuthErrorKind::Misconfigured)
            .then(|| error.source().map(ToString::to_string))
            .flatten(),
    };
    serde_json::to_vec(&body).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::Needed;

    #[test]
    fn every_kind_has_its_own_status_and_code_in_the_body() {
        use AuthErrorKind as Kind;
        for kind in [
            Kind::Absent,
            Kind::Conflict,
            Kind::Expired,
            Kind::Forbidden,
            Kind::InsufficientAuthentication,
            Kind::InsufficientScope,
            Kind::Internal,
            Kind::Invalid,
            Kind::InvalidRequest,
            Kind::Limited,
            Kind::Malformed,
            Kind::Misconfigured,
            Kind::Missing,
            Kind::Revoked,
            Kind::Stale,
            Kind::Unavailable,
        ] {
            let error = AuthError::new(kind, "secret_reason").with_source("secret source");
            let body: Value = serde_json::from_slice(&body(&error)).unwrap();
            assert_eq!(body["status"], error.status().as_u16(), "{kind:?}");
            assert_eq!(body["code"], error.code(), "{kind:?}");
            assert_eq!(
                body["type"],
                format!("urn:problem-type:auth:{}", error.code())
            );
            if kind == Kind::Misconfigured && cfg!(debug_assertions) {
                assert_eq!(body["detail"], "secret source");
            } else {
                assert!(!body.to_string().contains("secret"), "{kind:?}");
            }
        }
    }

    #[test]
    fn what_is_needed_is_said() {
        let error = AuthError::new(AuthErrorKind::InsufficientScope, "scope").with_needed(Needed {
            scopes: "b a".parse().unwrap(),
            ..Needed::default()
        });
        let body: Value = serde_json::from_slice(&body(&error)).unwrap();
        assert_eq!(body["scope"], json!("a b"));
        assert_eq!(body.get("max_age"), None);
    }
}
