//! The metadata document.

use auth_layer::ConfigError;
use serde::Deserialize;

use crate::fetch::SecureUrl;
use crate::token::from_object;

/// The metadata of an authorization server or OpenID provider, as far as it is of use here.
///
/// Members that are not named here are ignored; members of the wrong type, URLs that are no
/// [`SecureUrl`], and plain HTTP beside an `https` issuer make the document unreadable.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ProviderMetadata {
    /// The issuer, as its tokens name it.
    pub issuer: String,
    /// Where the keys are.
    pub jwks_uri: Option<SecureUrl>,
    /// Where users are sent to log in.
    pub authorization_endpoint: Option<SecureUrl>,
    /// Where codes and refresh tokens are exchanged.
    pub token_endpoint: Option<SecureUrl>,
    /// OpenID Connect: claims about the user.
    pub userinfo_endpoint: Option<SecureUrl>,
    /// RFC 7662.
    pub introspection_endpoint: Option<SecureUrl>,
    /// RFC 7009.
    pub revocation_endpoint: Option<SecureUrl>,
    /// RFC 8628.
    pub device_authorization_endpoint: Option<SecureUrl>,
    /// RFC 9126.
    pub pushed_authorization_request_endpoint: Option<SecureUrl>,
    /// OpenID Connect RP-Initiated Logout.
    pub end_session_endpoint: Option<SecureUrl>,
    /// Scopes that may be asked for.
    #[serde(default)]
    pub scopes_supported: Vec<String>,
    /// What the authorization endpoint answers with.
    #[serde(default)]
    pub response_types_supported: Vec<String>,
    /// Grants of the token endpoint. Empty if the document does not say; that then means
    /// `authorization_code` and `implicit`.
    #[serde(default)]
    pub grant_types_supported: Vec<String>,
    /// PKCE methods (RFC 7636). Empty if the document does not say.
    #[serde(default)]
    pub code_challenge_methods_supported: Vec<String>,
    /// How clients prove who they are. Empty if the document does not say; that then means
    /// `client_secret_basic`.
    #[serde(default)]
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// Algorithms of ID tokens.
    #[serde(default)]
    pub id_token_signing_alg_values_supported: Vec<String>,
    /// Algorithms of DPoP proofs (RFC 9449).
    #[serde(default)]
    pub dpop_signing_alg_values_supported: Vec<String>,
    /// Whether answers of the authorization endpoint name the issuer (RFC 9207).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
    /// Whether authorization requests must be pushed (RFC 9126).
    #[serde(default)]
    pub require_pushed_authorization_requests: bool,
    /// Whether the provider tells clients of a logout by itself.
    #[serde(default)]
    pub backchannel_logout_supported: bool,
    /// Whether its logout tokens name the session.
    #[serde(default)]
    pub backchannel_logout_session_supported: bool,
}

impl ProviderMetadata {
    /// Reads a document. Whose it is, is not checked here: see [`Discovery`](crate::Discovery).
    ///
    /// # Errors
    ///
    /// Fails if it is no metadata document, or one that must not be followed.
    pub fn from_json(json: &str) -> Result<Self, ConfigError> {
        let refused = |problem: String| ConfigError::new("metadata", problem);
        let metadata: Self = from_object(json)
            .map_err(|error| refused(format!("is not a metadata document: {error}")))?;
        let issuer: SecureUrl = metadata
            .issuer
            .parse()
            .map_err(|error: ConfigError| refused(format!("has an issuer whose {error}")))?;
        let endpoints = metadata.endpoints();
        if issuer.is_https() && endpoints.iter().flatten().any(|url| !url.is_https()) {
            return Err(refused("names plain HTTP beside an https issuer".into()));
        }
        Ok(metadata)
    }

    fn endpoints(&self) -> [Option<&SecureUrl>; 9] {
        [
            &self.jwks_uri,
            &self.authorization_endpoint,
            &self.token_endpoint,
            &self.userinfo_endpoint,
            &self.introspection_endpoint,
            &self.revocation_endpoint,
            &self.device_authorization_endpoint,
            &self.pushed_authorization_request_endpoint,
            &self.end_session_endpoint,
        ]
        .map(Option::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn document(changes: &Value) -> String {
        let mut document = json!({
            "issuer": "https://id.example.com",
            "jwks_uri": "https://keys.example.com/jwks",
            "token_endpoint": "https://id.example.com/token",
            "grant_types_supported": ["authorization_code"],
            "request_object_encryption_alg_values_supported": { "of": "no interest" },
        });
        for (name, value) in changes.as_object().unwrap() {
            document[name] = value.clone();
        }
        document.to_string()
    }

    #[test]
    fn key_09_only_a_well_typed_document_is_read() {
        for (changes, fine) in [
            (json!({}), true),
            (json!({ "jwks_uri": null }), true),
            (
                json!({ "issuer": "http://127.0.0.1:3000", "jwks_uri": "http://127.0.0.1:3000/jwks" }),
                true,
            ),
            (json!({ "issuer": 7 }), false),
            (json!({ "issuer": null }), false),
            (json!({ "issuer": "id.example.com" }), false),
            (
                json!({ "jwks_uri": ["https://keys.example.com/jwks"] }),
                false,
            ),
            (json!({ "jwks_uri": "http://keys.example.com/jwks" }), false),
            (json!({ "jwks_uri": "http://127.0.0.1/jwks" }), false),
            (json!({ "jwks_uri": "/jwks" }), false),
            (json!({ "token_endpoint": "http://localhost/token" }), false),
            (
                json!({ "introspection_endpoint": "file:///etc/passwd" }),
                false,
            ),
            (
                json!({ "grant_types_supported": "authorization_code" }),
                false,
            ),
            (
                json!({ "authorization_response_iss_parameter_supported": "true" }),
                false,
            ),
        ] {
            let document = document(&changes);
            assert_eq!(
                ProviderMetadata::from_json(&document).is_ok(),
                fine,
                "{document}"
            );
        }
        let members = [
            json!(["https://id.example.com"]),
            vec![json!(null); 9].into(),
            vec![json!([]); 7].into(),
            vec![json!(false); 4].into(),
        ];
        let members = members.iter().flat_map(|some| some.as_array().unwrap());
        let unnamed = members.cloned().collect::<Value>().to_string();
        for text in [
            &*unnamed,
            "",
            "[]",
            "null",
            "<html>",
            r#"{"issuer":"https://a.example","issuer":"https://b.example"}"#,
        ] {
            assert!(ProviderMetadata::from_json(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_document_is_read_without_panic(
            issuer in r"(https?://)?\PC{0,30}",
            member in "[a-z_]{0,40}",
            value in r"\PC{0,40}",
        ) {
            let text = json!({ "issuer": issuer, &member: value }).to_string();
            let _ = ProviderMetadata::from_json(&text);
            let _ = ProviderMetadata::from_json(&value);
        }
    }
}
