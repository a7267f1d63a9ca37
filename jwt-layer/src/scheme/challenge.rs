//! `WWW-Authenticate: Bearer` (RFC 6750 section 3, RFC 9470, RFC 9728).

use auth_layer::{AuthError, AuthErrorKind, Challenge, Challenges};

/// Makes challenges; the two that are always the same are made once.
#[derive(Clone)]
pub(super) struct Challenger {
    realm: Box<str>,
    resource_metadata: Option<Box<str>>,
    plain: Challenges,
    invalid_token: Challenges,
}

impl Challenger {
    pub(super) fn new() -> Self {
        Self {
            realm: Box::from("api"),
            resource_metadata: None,
            plain: Challenges::none(),
            invalid_token: Challenges::none(),
        }
        .prepare()
    }

    pub(super) fn realm(mut self, realm: Box<str>) -> Self {
        self.realm = realm;
        self.prepare()
    }

    pub(super) fn resource_metadata(mut self, url: Box<str>) -> Self {
        self.resource_metadata = Some(url);
        self.prepare()
    }

    fn prepare(mut self) -> Self {
        self.plain = self.base(None).into();
        self.invalid_token = self.base(Some("invalid_token")).into();
        self
    }

    fn base(&self, error: Option<&str>) -> Challenge {
        let mut challenge = Challenge::new("Bearer").param("realm", &self.realm);
        if let Some(url) = &self.resource_metadata {
            challenge = challenge.param("resource_metadata", url);
        }
        match error {
            Some(error) => challenge.param("error", error),
            None => challenge,
        }
    }

    /// `error=` only if a token was sent and refused, or was not enough.
    pub(super) fn challenge(&self, error: Option<&AuthError>) -> Challenges {
        let Some(error) = error else {
            return self.plain.clone();
        };
        let needed = error.needed();
        match error.kind() {
            AuthErrorKind::InsufficientScope => {
                let mut challenge = self.base(Some("insufficient_scope"));
                if !needed.scopes.is_empty() {
                    challenge = challenge.param("scope", &needed.scopes.to_string());
                }
                challenge.into()
            }
            AuthErrorKind::InsufficientAuthentication => {
                let mut challenge = self.base(Some("insufficient_user_authentication"));
                if let Some(max_age) = needed.max_age {
                    challenge = challenge.param("max_age", &max_age.to_string());
                }
                if !needed.acr_values.is_empty() {
                    challenge = challenge.param("acr_values", &needed.acr_values.join(" "));
                }
                challenge.into()
            }
            kind if kind.is_bad_credential() => self.invalid_token.clone(),
            _ => self.plain.clone(),
        }
    }
}
