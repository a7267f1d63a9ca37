//! A Tower service as the client.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use tokio::time::timeout;
use tower_service::Service;

use super::{Addresses, HttpClient, HttpError, HttpErrorKind, HttpLimits};

/// An [`HttpClient`] over a Tower service, such as hyper-util's client or, in tests, a router.
///
/// Time and length are bounded here. The service must not follow redirects. A service is not known to
/// check addresses, so requests to [`Addresses::Public`] are refused.
#[derive(Clone)]
pub struct ServiceClient<S> {
    service: S,
}

impl<S> ServiceClient<S> {
    /// Asks through clones of `service`.
    #[must_use]
    pub const fn new(service: S) -> Self {
        Self { service }
    }
}

impl<S, B> HttpClient for ServiceClient<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>> + Send,
    S::Future: Send,
    B: Body + Send,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    async fn send(
        &self,
        request: Request<Bytes>,
        limits: &HttpLimits,
    ) -> Result<Response<Bytes>, HttpError> {
        if limits.addresses != Addresses::Any {
            return Err(HttpError::new(HttpErrorKind::Address));
        }
        let mut service = self.service.clone();
        let exchange = async {
            poll_fn(|cx| service.poll_ready(cx)).await.map_err(broken)?;
            let answer = service.call(request.map(Full::new)).await.map_err(broken)?;
            let (parts, body) = answer.into_parts();
            let body = Limited::new(body, limits.max_body).collect().await;
            match body {
                Ok(body) => Ok(Response::from_parts(parts, body.to_bytes())),
                Err(error) if error.is::<LengthLimitError>() => {
                    Err(HttpError::new(HttpErrorKind::TooLarge))
                }
                Err(error) => Err(broken(error)),
            }
        };
        timeout(limits.timeout, exchange)
            .await
            .unwrap_or_else(|_| Err(HttpError::new(HttpErrorKind::TimedOut)))
    }
}

fn broken(error: impl Into<Box<dyn Error + Send + Sync>>) -> HttpError {
    HttpError::new(HttpErrorKind::Transport).with_source(error)
}

impl<S> fmt::Debug for ServiceClient<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceClient").finish_non_exhaustive()
    }
}
