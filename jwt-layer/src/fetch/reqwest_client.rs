//! reqwest as the client.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use auth_layer::ConfigError;
use bytes::Bytes;
use http::{Request, Response};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};

use super::{Addresses, HttpClient, HttpError, HttpErrorKind, HttpLimits, check_host};

/// How long connecting may take, within the time for the whole.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// An [`HttpClient`] over reqwest, with rustls and aws-lc-rs.
///
/// Certificates are trusted as the operating system trusts them; in an image without any (such as
/// `scratch`) nothing is, and [`customized`](Self::customized) can bring roots. HTTP/1.1. Proxies are
/// not taken from the environment: name one with [`customized`](Self::customized).
///
/// [`Addresses::Public`] is kept by looking names up itself, connecting to no address but the ones
/// that were checked, and never through a proxy.
#[derive(Clone)]
pub struct ReqwestClient {
    any: Client,
    public: Client,
}

impl ReqwestClient {
    /// A client with the settings above.
    ///
    /// # Errors
    ///
    /// Fails if TLS cannot be set up.
    pub fn new() -> Result<Self, ConfigError> {
        Self::customized(|builder| builder)
    }

    /// A client with more settings: roots, a client certificate, a proxy, a user agent.
    ///
    /// `customize` is called twice, because requests to public addresses only are sent by a client of
    /// their own. Whatever it says of redirects, they are not followed.
    ///
    /// # Errors
    ///
    /// Fails if the settings cannot be had.
    pub fn customized(
        customize: impl Fn(ClientBuilder) -> ClientBuilder,
    ) -> Result<Self, ConfigError> {
        let builder = || {
            let builder = Client::builder()
                .no_proxy()
                .connect_timeout(CONNECT_TIMEOUT);
            customize(builder).redirect(Policy::none()).referer(false)
        };
        let refused = |error: reqwest::Error| {
            let cause = error
                .source()
                .map_or_else(|| error.to_string(), ToString::to_string);
            ConfigError::new("client", format!("cannot be set up: {cause}"))
        };
        Ok(Self {
            any: builder().build().map_err(refused)?,
            public: builder()
                .no_proxy()
                .dns_resolver(PublicOnly)
                .build()
                .map_err(refused)?,
        })
    }
}

impl HttpClient for ReqwestClient {
    async fn send(
        &self,
        request: Request<Bytes>,
        limits: &HttpLimits,
    ) -> Result<Response<Bytes>, HttpError> {
        let client = match limits.addresses {
            Addresses::Any => &self.any,
            Addresses::Public => &self.public,
        };
        let mut request = reqwest::Request::try_from(request)
            .map_err(|error| HttpError::new(HttpErrorKind::Url).with_source(error.without_url()))?;
        // reqwest's reader of URLs knows more notations of an address than `Uri`, and an address is not
        // looked up.
        check_host(request.url().host_str().unwrap_or_default(), limits)?;
        *request.timeout_mut() = Some(limits.timeout);
        let mut answer = client.execute(request).await.map_err(failed)?;

        let too_large = || HttpError::new(HttpErrorKind::TooLarge);
        let announced = answer.content_length().unwrap_or(0);
        if usize::try_from(announced).map_or(true, |announced| announced > limits.max_body) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if chunk.len() > limits.max_body - body.len() {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

/// The URL is left out: it may have been given in a query with a secret.
fn failed(error: reqwest::Error) -> HttpError {
    let kind = if is_refused_address(&error) {
        HttpErrorKind::Address
    } else if error.is_timeout() {
        HttpErrorKind::TimedOut
    } else if error.is_connect() {
        HttpErrorKind::Connect
    } else {
        HttpErrorKind::Transport
    };
    HttpError::new(kind).with_source(error.without_url())
}

fn is_refused_address(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<NoPublicAddress>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Looks names up and leaves out addresses that are not public.
#[derive(Debug)]
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<_> = found
                .filter(|address| Addresses::Public.admit(address.ip()))
                .collect();
            if public.is_empty() {
                return Err(NoPublicAddress.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

#[derive(Debug)]
struct NoPublicAddress;

impl fmt::Display for NoPublicAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name has no public address")
    }
}

impl Error for NoPublicAddress {}

impl fmt::Debug for ReqwestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestClient").finish_non_exhaustive()
    }
}
