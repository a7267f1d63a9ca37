//! Asking the issuer.

use std::time::Duration;

use auth_layer::{AuthError, ExposeSecret, SecretString};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::value::RawValue;

use crate::fetch::check_json;
use crate::kind::IntrospectionResponse;
use crate::{HttpLimits, SecureUrl, SharedHttpClient, TokenVerifier};

/// How this service proves to the issuer who it is.
#[derive(Clone, Debug)]
pub struct ClientAuthentication(Method);

#[derive(Clone, Debug)]
enum Method {
    Basic(String, SecretString),
    Post(String, SecretString),
    Bearer(SecretString),
}

impl ClientAuthentication {
    /// Id and secret by HTTP Basic, each encoded first as RFC 6749 section 2.3.1 asks for.
    #[must_use]
    pub fn basic(id: impl Into<String>, secret: impl Into<SecretString>) -> Self {
        Self(Method::Basic(id.into(), secret.into()))
    }

    /// Id and secret in the body, for issuers that understand nothing else.
    #[must_use]
    pub fn post(id: impl Into<String>, secret: impl Into<SecretString>) -> Self {
        Self(Method::Post(id.into(), secret.into()))
    }

    /// A bearer token of this service's own.
    #[must_use]
    pub fn bearer(token: impl Into<SecretString>) -> Self {
        Self(Method::Bearer(token.into()))
    }
}

/// What `application/x-www-form-urlencoded` leaves as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'*');

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

const SIGNED: &str = "application/token-introspection+jwt";

/// Asks about tokens.
pub(super) struct Asker {
    pub(super) endpoint: SecureUrl,
    pub(super) client: SharedHttpClient,
    pub(super) limits: HttpLimits,
    pub(super) authentication: ClientAuthentication,
    pub(super) signed: Option<TokenVerifier<IntrospectionResponse>>,
}

impl Asker {
    pub(super) fn timeout(&self) -> Duration {
        self.limits.timeout()
    }

    /// The answer about a token, a JSON object. Whatever else comes says nothing about the token.
    pub(super) async fn ask(&self, token: &str) -> Result<Vec<u8>, AuthError> {
        let response = self.client.send(self.request(token)?, &self.limits).await?;
        if response.status() != StatusCode::OK {
            return Err(AuthError::unavailable("introspection_refused"));
        }
        match &self.signed {
            Some(verifier) => verified(verifier, &response).await,
            None => {
                check_json(&response)?;
                Ok(response.into_body().to_vec())
            }
        }
    }

    fn request(&self, token: &str) -> Result<Request<Bytes>, AuthError> {
        let mut body = format!("token={}&token_type_hint=access_token", encode(token));
        let accepted = match self.signed {
            Some(_) => SIGNED,
            None => "application/json",
        };
        let mut request = Request::post(self.endpoint.uri().clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, accepted);
        let authorization = match &self.authentication.0 {
            Method::Basic(id, secret) => {
                let pair = format!("{}:{}", encode(id), encode(secret.expose_secret()));
                Some(format!("Basic {}", STANDARD.encode(pair)))
            }
            Method::Bearer(token) => Some(format!("Bearer {}", token.expose_secret())),
            Method::Post(id, secret) => {
                let (id, secret) = (encode(id), encode(secret.expose_secret()));
                body.push_str(&format!("&client_id={id}&client_secret={secret}"));
                None
            }
        };
        let impossible = || AuthError::unavailable("introspection_unaskable");
        if let Some(text) = authorization {
            let mut value = HeaderValue::try_from(text).map_err(|_| impossible())?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        request.body(body.into()).map_err(|_| impossible())
    }
}

/// The answer in a signed response (RFC 9701). A response that does not hold is none.
async fn verified(
    verifier: &TokenVerifier<IntrospectionResponse>,
    response: &Response<Bytes>,
) -> Result<Vec<u8>, AuthError> {
    let wrong = || AuthError::unavailable("introspection_not_signed");
    let content = response.headers().get(CONTENT_TYPE);
    let content = content
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    // Some name a character set, which the type does not have.
    let essence = content.split(';').next().unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case(SIGNED) {
        return Err(wrong());
    }
    let text = std::str::from_utf8(response.body()).map_err(|_| wrong())?;
    let token = verifier.verify(text).await;
    let token = token.map_err(|error| wrong().with_source(error))?;
    let answer: Result<Box<RawValue>, _> = token.introspection();
    let answer = answer.map_err(|error| wrong().with_source(error))?;
    Ok(answer.get().as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_encoded_before_they_are_joined() {
        assert_eq!(encode("a:b c+d%é-._*~"), "a%3Ab%20c%2Bd%25%C3%A9-._*%7E");
        let debug = format!("{:?}", ClientAuthentication::basic("api", "s3cret"));
        assert!(!debug.contains("s3cret"), "{debug}");
    }
}
