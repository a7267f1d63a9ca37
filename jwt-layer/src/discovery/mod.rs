//! What an authorization server says of itself (OpenID Connect Discovery 1.0, RFC 8414).

mod metadata;

use std::fmt;

use auth_layer::ConfigError;
use bytes::Bytes;
use http::header::ACCEPT;
use http::{Request, StatusCode};

pub use self::metadata::ProviderMetadata;
use crate::fetch::{HttpError, HttpErrorKind, HttpLimits, SecureUrl, SharedHttpClient, check_json};

/// Where an issuer's metadata is, and whose it must be.
///
/// ```
/// use jwt_layer::Discovery;
///
/// let openid = Discovery::openid("https://id.example.com/tenant")?;
/// assert_eq!(
///     openid.url().to_string(),
///     "https://id.example.com/tenant/.well-known/openid-configuration",
/// );
/// let oauth = Discovery::oauth("https://id.example.com/tenant")?;
/// assert_eq!(
///     oauth.url().to_string(),
///     "https://id.example.com/.well-known/oauth-authorization-server/tenant",
/// );
/// # Ok::<(), auth_layer::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Discovery {
    issuer: Box<str>,
    url: SecureUrl,
}

impl Discovery {
    /// The metadata of an OpenID provider: `/.well-known/openid-configuration` behind the issuer.
    ///
    /// # Errors
    ///
    /// Refuses an issuer that is no [`SecureUrl`] or has a query.
    pub fn openid(issuer: impl Into<Box<str>>) -> Result<Self, ConfigError> {
        let issuer = issuer.into();
        issuer_url(&issuer)?;
        let base = issuer.strip_suffix('/').unwrap_or(&issuer);
        let url = format!("{base}/.well-known/openid-configuration").parse()?;
        Ok(Self { issuer, url })
    }

    /// The metadata of an OAuth authorization server:
    /// `/.well-known/oauth-authorization-server` between the issuer's host and path.
    ///
    /// # Errors
    ///
    /// Refuses an issuer that is no [`SecureUrl`] or has a query.
    pub fn oauth(issuer: impl Into<Box<str>>) -> Result<Self, ConfigError> {
        let issuer = issuer.into();
        let parsed = issuer_url(&issuer)?;
        let path = parsed.uri().path();
        let path = path.strip_suffix('/').unwrap_or(path);
        let origin = parsed.origin();
        let url = format!("{origin}/.well-known/oauth-authorization-server{path}").parse()?;
        Ok(Self { issuer, url })
    }

    /// The issuer, character for character as its metadata must name it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Where the metadata is.
    pub fn url(&self) -> &SecureUrl {
        &self.url
    }

    /// Asks for the metadata.
    ///
    /// # Errors
    ///
    /// Fails if there is no complete answer within `limits`, if the answer is not a metadata document,
    /// and with [`Issuer`](HttpErrorKind::Issuer) if it is one of another issuer: a trailing slash
    /// makes another issuer.
    pub async fn fetch(
        &self,
        client: &SharedHttpClient,
        limits: &HttpLimits,
    ) -> Result<ProviderMetadata, HttpError> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = self.url.uri().clone();
        let accept = http::HeaderValue::from_static("application/json");
        request.headers_mut().insert(ACCEPT, accept);
        let response = client.send(request, limits).await?;
        if response.status() != StatusCode::OK {
            return Err(HttpError::new(HttpErrorKind::Status(response.status())));
        }
        check_json(&response)?;
        let document = std::str::from_utf8(response.body())
            .map_err(|error| HttpError::new(HttpErrorKind::Document).with_source(error))?;
        let metadata = ProviderMetadata::from_json(document)
            .map_err(|error| HttpError::new(HttpErrorKind::Document).with_source(error))?;
        if *metadata.issuer != *self.issuer {
            let other = OtherIssuer(metadata.issuer);
            return Err(HttpError::new(HttpErrorKind::Issuer).with_source(other));
        }
        Ok(metadata)
    }
}

/// Issuers are URLs without query and fragment (RFC 8414 section 2).
fn issuer_url(issuer: &str) -> Result<SecureUrl, ConfigError> {
    let url: SecureUrl = issuer
        .parse()
        .map_err(|error: ConfigError| ConfigError::new("issuer", error.to_string()))?;
    if url.uri().query().is_some() {
        return Err(ConfigError::new("issuer", "must not have a query"));
    }
    Ok(url)
}

#[derive(Debug)]
struct OtherIssuer(String);

impl fmt::Display for OtherIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the metadata is of the issuer {:?}", self.0)
    }
}

impl std::error::Error for OtherIssuer {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metadata_is_where_the_specifications_put_it() {
        let openid = |issuer| Discovery::openid(issuer).unwrap().url.to_string();
        let oauth = |issuer| Discovery::oauth(issuer).unwrap().url.to_string();
        let name = "oauth-authorization-server";
        for (issuer, base, origin, path) in [
            (
                "https://a.example",
                "https://a.example",
                "https://a.example",
                "",
            ),
            (
                "https://a.example/",
                "https://a.example",
                "https://a.example",
                "",
            ),
            (
                "https://a.example:8443/t/1/",
                "https://a.example:8443/t/1",
                "https://a.example:8443",
                "/t/1",
            ),
        ] {
            assert_eq!(
                openid(issuer),
                format!("{base}/.well-known/openid-configuration")
            );
            assert_eq!(oauth(issuer), format!("{origin}/.well-known/{name}{path}"));
        }
        for issuer in [
            "http://a.example",
            "https://a.example?x",
            "https://a.example#x",
            "a.example",
            "",
        ] {
            assert_eq!(
                Discovery::openid(issuer).unwrap_err().option(),
                "issuer",
                "{issuer}"
            );
            assert_eq!(
                Discovery::oauth(issuer).unwrap_err().option(),
                "issuer",
                "{issuer}"
            );
        }
    }
}
