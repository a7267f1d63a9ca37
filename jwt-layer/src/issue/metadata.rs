//! What an issuer says of itself: [`IssuerMetadata`].

use std::net::IpAddr;
use std::sync::Arc;

use auth_layer::ConfigError;
use http::{HeaderMap, Response, Uri};
use serde::Serialize;

use super::published::{MAX_AGE, answer};

/// The metadata document of an authorization server (RFC 8414): where its keys and endpoints are.
///
/// It says what was set and nothing else, and is checked when it is built.
///
/// ```
/// # #[cfg(any(feature = "aws-lc", feature = "rust-crypto"))] {
/// # use jwt_layer::{Algorithm, Issuer, SigningKey};
/// # let key = SigningKey::generate(Algorithm::Es256)?;
/// # let issuer = Issuer::builder("https://id.example.com", "https://api.example.com", key).build()?;
/// let metadata = issuer
///     .metadata()
///     .jwks_uri("https://id.example.com/.well-known/jwks.json")
///     .token_endpoint("https://id.example.com/token")
///     .grant_types(["refresh_token"])
///     .build()?;
/// assert_eq!(metadata.path(), "/.well-known/oauth-authorization-server");
/// assert!(metadata.to_json().contains(r#""token_endpoint":"https://id.example.com/token""#));
/// # }
/// # Ok::<(), auth_layer::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct IssuerMetadata {
    path: Arc<str>,
    json: Arc<str>,
}

impl IssuerMetadata {
    /// The document.
    pub fn to_json(&self) -> Arc<str> {
        Arc::clone(&self.json)
    }

    /// Where it is to be served: `/.well-known/oauth-authorization-server`, and the path of the issuer,
    /// if it has one, behind that (RFC 8414 section 3.1).
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The answer to a request for it, with `Cache-Control` and `ETag`; 304 if `request`, its headers,
    /// says that the same document is there already.
    pub fn response(&self, request: &HeaderMap) -> Response<String> {
        answer(request, "application/json", &self.json, MAX_AGE)
    }
}

/// Makes [`IssuerMetadata`]. See [`Issuer::metadata`](crate::Issuer::metadata).
#[derive(Clone, Debug, Serialize)]
#[must_use]
pub struct IssuerMetadataBuilder {
    issuer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    introspection_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<String>,
    /// Required; empty where nobody authorises by a browser.
    response_types_supported: Vec<String>,
    /// Left out, it would mean the code and implicit grants.
    grant_types_supported: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dpop_signing_alg_values_supported: Vec<String>,
}

impl IssuerMetadataBuilder {
    pub(super) fn new(issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            jwks_uri: None,
            token_endpoint: None,
            revocation_endpoint: None,
            introspection_endpoint: None,
            scopes_supported: Vec::new(),
            response_types_supported: Vec::new(),
            grant_types_supported: Vec::new(),
            token_endpoint_auth_methods_supported: Vec::new(),
            dpop_signing_alg_values_supported: Vec::new(),
        }
    }

    /// Where [`Issuer::jwks_response`](crate::Issuer::jwks_response) is served.
    pub fn jwks_uri(mut self, url: impl Into<String>) -> Self {
        self.jwks_uri = Some(url.into());
        self
    }

    /// Where tokens are had.
    pub fn token_endpoint(mut self, url: impl Into<String>) -> Self {
        self.token_endpoint = Some(url.into());
        self
    }

    /// Where tokens are taken back (RFC 7009).
    pub fn revocation_endpoint(mut self, url: impl Into<String>) -> Self {
        self.revocation_endpoint = Some(url.into());
        self
    }

    /// Where others ask about tokens (RFC 7662).
    pub fn introspection_endpoint(mut self, url: impl Into<String>) -> Self {
        self.introspection_endpoint = Some(url.into());
        self
    }

    /// The scopes that are worth naming.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes_supported = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// The grants of the token endpoint. Default: none.
    pub fn grant_types<S: Into<String>>(mut self, grants: impl IntoIterator<Item = S>) -> Self {
        self.grant_types_supported = grants.into_iter().map(Into::into).collect();
        self
    }

    /// How clients authenticate at the token endpoint; `none` for those without a secret. Left out by
    /// default, which means `client_secret_basic`.
    pub fn token_endpoint_auth_methods<S: Into<String>>(
        mut self,
        methods: impl IntoIterator<Item = S>,
    ) -> Self {
        self.token_endpoint_auth_methods_supported = methods.into_iter().map(Into::into).collect();
        self
    }

    /// The algorithms that DPoP proofs may be signed with (RFC 9449 section 5.1). Left out by default.
    pub fn dpop_algorithms(
        mut self,
        algorithms: impl IntoIterator<Item = crate::Algorithm>,
    ) -> Self {
        let names = algorithms.into_iter().map(|one| one.as_str().to_owned());
        self.dpop_signing_alg_values_supported = names.collect();
        self
    }

    /// The finished document.
    ///
    /// # Errors
    ///
    /// Names a URL that is not `https` (`http` is accepted for this machine only), or has a fragment,
    /// and an issuer that is no such URL or has a query.
    pub fn build(self) -> Result<IssuerMetadata, ConfigError> {
        let issuer = url("issuer", &self.issuer)?;
        if issuer.query().is_some() {
            return Err(ConfigError::new("issuer", "must be a URL without a query"));
        }
        for (option, endpoint) in [
            ("jwks_uri", &self.jwks_uri),
            ("token_endpoint", &self.token_endpoint),
            ("revocation_endpoint", &self.revocation_endpoint),
            ("introspection_endpoint", &self.introspection_endpoint),
        ] {
            if let Some(endpoint) = endpoint {
                url(option, endpoint)?;
            }
        }
        let path = issuer.path().trim_end_matches('/');
        let json = serde_json::to_string(&self)
            .map_err(|error| ConfigError::new("metadata", error.to_string()))?;
        Ok(IssuerMetadata {
            path: format!("/.well-known/oauth-authorization-server{path}").into(),
            json: json.into(),
        })
    }
}

fn url(option: &'static str, text: &str) -> Result<Uri, ConfigError> {
    let wrong = || ConfigError::new(option, "must be a URL with `https`, and without a fragment");
    let url: Uri = text.parse().map_err(|_| wrong())?;
    let is_local = url.host().is_some_and(|host| {
        let host = host.trim_matches(['[', ']']);
        host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    });
    let is_fine = match url.scheme_str() {
        Some("https") => url.host().is_some_and(|host| !host.is_empty()),
        Some("http") => is_local,
        _ => false,
    };
    // The parser drops a fragment.
    if is_fine && !text.contains('#') {
        Ok(url)
    } else {
        Err(wrong())
    }
}
