//! Asking an issuer for its keys.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use tokio::time::timeout;

use crate::fetch::{HttpError, HttpErrorKind, HttpLimits, SecureUrl, SharedHttpClient, check_json};
use crate::{Algorithm, Discovery, KeySet};

/// Where the keys of an issuer are, and how they are asked for.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) place: Place,
    pub(super) client: SharedHttpClient,
    pub(super) limits: HttpLimits,
    pub(super) algorithms: Vec<Algorithm>,
}

#[derive(Clone, Debug)]
pub(super) enum Place {
    Jwks(SecureUrl),
    Discovered(Discovery),
}

/// An answer to compare the next one with.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    url: SecureUrl,
    etag: Option<HeaderValue>,
    body: Bytes,
    pub(super) keys: KeySet,
    /// How long the issuer says that it is good for.
    pub(super) max_age: Option<Duration>,
}

impl Source {
    /// The address that is asked first.
    pub(super) fn url(&self) -> &SecureUrl {
        match &self.place {
            Place::Jwks(url) => url,
            Place::Discovered(discovery) => discovery.url(),
        }
    }

    /// Asks, and compares with the answer before.
    pub(super) async fn ask(&self, last: Option<Answer>) -> Result<Answer, HttpError> {
        let url = match &self.place {
            Place::Jwks(url) => url.clone(),
            Place::Discovered(discovery) => self.discover(discovery).await?,
        };
        // Of another address it would say nothing.
        let last = last.filter(|last| last.url == url);
        let etag = last.as_ref().and_then(|last| last.etag.clone());
        let request = request(&url, etag);
        let response = self.within(self.client.send(request, &self.limits)).await?;
        let max_age = max_age(response.headers());
        match (response.status(), last) {
            (StatusCode::OK, last) => {
                check_json(&response)?;
                let etag = response.headers().get(ETAG).cloned();
                let body = response.into_body();
                let keys = match last {
                    // Keys that are prepared already stay.
                    Some(last) if last.body == body => last.keys,
                    _ => self.read(&body)?,
                };
                Ok(Answer {
                    url,
                    etag,
                    body,
                    keys,
                    max_age,
                })
            }
            (StatusCode::NOT_MODIFIED, Some(last)) => Ok(Answer { max_age, ..last }),
            (status, _) => Err(HttpError::new(HttpErrorKind::Status(status))),
        }
    }

    async fn discover(&self, discovery: &Discovery) -> Result<SecureUrl, HttpError> {
        let metadata = self
            .within(discovery.fetch(&self.client, &self.limits))
            .await?;
        metadata
            .jwks_uri
            .ok_or_else(|| HttpError::new(HttpErrorKind::Document).with_source("names no keys"))
    }

    /// A client that forgets the time does not keep everybody waiting.
    async fn within<T>(
        &self,
        exchange: impl Future<Output = Result<T, HttpError>>,
    ) -> Result<T, HttpError> {
        timeout(self.limits.timeout(), exchange)
            .await
            .unwrap_or_else(|_| Err(HttpError::new(HttpErrorKind::TimedOut)))
    }

    fn read(&self, body: &[u8]) -> Result<KeySet, HttpError> {
        let refused = || HttpError::new(HttpErrorKind::Document);
        let text = std::str::from_utf8(body).map_err(|error| refused().with_source(error))?;
        let algorithms = self.algorithms.iter().copied();
        KeySet::from_jwks(text, algorithms).map_err(|error| refused().with_source(error))
    }
}

fn request(url: &SecureUrl, etag: Option<HeaderValue>) -> Request<Bytes> {
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = url.uri().clone();
    let headers = request.headers_mut();
    let accept = HeaderValue::from_static("application/jwk-set+json, application/json");
    headers.insert(ACCEPT, accept);
    if let Some(etag) = etag {
        headers.insert(IF_NONE_MATCH, etag);
    }
    request
}

/// The `max-age` of `Cache-Control`; zero for `no-store` and `no-cache`.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(CACHE_CONTROL).iter();
    let directives: Vec<_> = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|directive| directive.trim().to_ascii_lowercase())
        .collect();
    if directives
        .iter()
        .any(|directive| directive == "no-store" || directive == "no-cache")
    {
        return Some(Duration::ZERO);
    }
    let mut ages = directives
        .iter()
        .filter_map(|directive| directive.strip_prefix("max-age="));
    let seconds = ages.next()?.trim_matches('"').parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_an_answer_is_good_is_read_from_its_header() {
        for (value, expected) in [
            ("max-age=600", Some(600)),
            ("public, max-age=21600, must-revalidate", Some(21600)),
            ("Public, Max-Age=\"60\"", Some(60)),
            ("no-store", Some(0)),
            ("max-age=600, no-cache", Some(0)),
            ("s-maxage=5", None),
            ("max-age=", None),
            ("max-age=-1", None),
            ("max-age=99999999999999999999", None),
            ("", None),
        ] {
            let value = HeaderValue::from_str(value).unwrap();
            let headers = HeaderMap::from_iter([(CACHE_CONTROL, value.clone())]);
            let expected = expected.map(Duration::from_secs);
            assert_eq!(max_age(&headers), expected, "{value:?}");
        }
        assert_eq!(max_age(&HeaderMap::new()), None);
    }
}
