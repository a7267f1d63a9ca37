//! Asking other servers over HTTP: one trait for keys, discovery, introspection and OAuth clients.

mod addresses;
mod error;
mod limits;
#[cfg(feature = "reqwest")]
mod reqwest_client;
#[cfg(feature = "remote")]
mod service_client;
mod url;

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, IF_NONE_MATCH};
use http::{Request, Response, StatusCode, Uri};

pub use self::addresses::Addresses;
pub use self::error::{HttpError, HttpErrorKind};
pub use self::limits::HttpLimits;
#[cfg(feature = "reqwest")]
pub use self::reqwest_client::ReqwestClient;
#[cfg(feature = "remote")]
pub use self::service_client::ServiceClient;
pub use self::url::SecureUrl;

/// Sends a request to another server and reads the whole answer.
///
/// `ReqwestClient` (feature `reqwest`) is one; `ServiceClient` (feature `remote`) makes one of a Tower
/// service. What holds a client holds it as [`SharedHttpClient`].
///
/// # Contract
///
/// - The answer is given as it came, whatever its status. Redirects are not followed: an answer that
///   sends elsewhere would take keys, or a client's secret, to a place that nobody configured.
/// - No more than [`max_body`](HttpLimits::max_body) bytes are kept; a longer body is
///   [`TooLarge`](HttpErrorKind::TooLarge) as soon as that is known.
/// - Connecting, waiting and reading together take no longer than [`timeout`](HttpLimits::timeout).
/// - With [`Addresses::Public`] the address that is connected to is checked, not one looked up
///   before. A client that cannot do this refuses with [`Address`](HttpErrorKind::Address).
/// - Dropping the future gives the request up.
pub trait HttpClient: Send + Sync + 'static {
    /// Sends `request` and reads the answer.
    ///
    /// # Errors
    ///
    /// Fails if there is no complete answer within `limits`.
    fn send(
        &self,
        request: Request<Bytes>,
        limits: &HttpLimits,
    ) -> impl Future<Output = Result<Response<Bytes>, HttpError>> + Send;
}

/// Any [`HttpClient`], shared and type-erased. Cheap to clone.
#[derive(Clone)]
pub struct SharedHttpClient {
    client: Arc<dyn DynHttpClient>,
}

impl SharedHttpClient {
    /// Shares `client`.
    #[must_use]
    pub fn new(client: impl HttpClient) -> Self {
        Self {
            client: Arc::new(client),
        }
    }

    /// Sends `request` and reads the answer.
    ///
    /// What an [`HttpClient`] must not get wrong is looked after here too: the URL must be one that
    /// [`SecureUrl`] accepts, a redirect is an error (and `304` one if it was not asked for), and so
    /// is a body that is too long.
    ///
    /// # Errors
    ///
    /// Fails if the request is not sent, or there is no complete answer within `limits`.
    pub async fn send(
        &self,
        request: Request<Bytes>,
        limits: &HttpLimits,
    ) -> Result<Response<Bytes>, HttpError> {
        check_target(request.uri(), limits)?;
        let is_conditional = request.headers().contains_key(IF_NONE_MATCH);
        let response = self.client.send(request, limits).await?;
        if response.body().len() > limits.max_body {
            return Err(HttpError::new(HttpErrorKind::TooLarge));
        }
        let status = response.status();
        let is_expected = status == StatusCode::NOT_MODIFIED && is_conditional;
        if status.is_redirection() && !is_expected {
            return Err(HttpError::new(HttpErrorKind::Redirect));
        }
        Ok(response)
    }
}

fn check_target(uri: &Uri, limits: &HttpLimits) -> Result<(), HttpError> {
    let url = SecureUrl::try_from(uri)
        .map_err(|error| HttpError::new(HttpErrorKind::Url).with_source(error))?;
    check_host(url.host(), limits)
}

/// Refuses an address that may not be connected to. Names are checked where they are looked up.
fn check_host(host: &str, limits: &HttpLimits) -> Result<(), HttpError> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(address) if !limits.addresses.admit(address) => {
            Err(HttpError::new(HttpErrorKind::Address))
        }
        _ => Ok(()),
    }
}

/// Refuses an answer that says it is something else than JSON, such as the page of a proxy.
///
/// Files of keys are also served as plain text or without a type, by servers that know no better.
pub(crate) fn check_json(response: &Response<Bytes>) -> Result<(), HttpError> {
    let Some(value) = response.headers().get(CONTENT_TYPE) else {
        return Ok(());
    };
    let value = value.to_str().unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    let is_json = matches!(
        &*essence,
        "application/json" | "application/octet-stream" | "text/plain"
    ) || (essence.starts_with("application/") && essence.ends_with("+json"));
    if is_json {
        Ok(())
    } else {
        Err(HttpError::new(HttpErrorKind::ContentType))
    }
}

impl<C: HttpClient> From<C> for SharedHttpClient {
    fn from(client: C) -> Self {
        Self::new(client)
    }
}

impl fmt::Debug for SharedHttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedHttpClient").finish_non_exhaustive()
    }
}

/// The dyn-compatible twin of [`HttpClient`]; the only place that boxes.
trait DynHttpClient: Send + Sync {
    fn send<'a>(
        &'a self,
        request: Request<Bytes>,
        limits: &'a HttpLimits,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;
}

impl<T: HttpClient> DynHttpClient for T {
    fn send<'a>(
        &'a self,
        request: Request<Bytes>,
        limits: &'a HttpLimits,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>> {
        Box::pin(HttpClient::send(self, request, limits))
    }
}
