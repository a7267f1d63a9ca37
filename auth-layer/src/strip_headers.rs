//! Removing headers that look as if they said who is asking.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderName, Request};
use tower_layer::Layer;
use tower_service::Service;

/// Removes headers by which proxies pass on identities, so that nothing further in can be fooled by
/// a client that sends them itself.
///
/// No scheme of this crate reads such a header. Put this layer outermost if an application, or a
/// service behind it, might. Underscores count as hyphens: some servers fold them.
///
/// ```
/// use auth_layer::StripIdentityHeaders;
///
/// let layer = StripIdentityHeaders::new().also("x-tenant");
/// # let _: axum::Router = axum::Router::new().layer(layer);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct StripIdentityHeaders {
    names: Arc<Vec<String>>,
}

/// Whole names.
const NAMES: [&str; 14] = [
    "remote-user",
    "x-authenticated-user",
    "x-authenticated-userid",
    "x-email",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-forwarded-user",
    "x-groups",
    "x-remote-user",
    "x-roles",
    "x-user",
    "x-user-id",
    "x-webauth-user",
];

/// Beginnings of names.
const PREFIXES: [&str; 3] = [
    "x-auth-request-",
    "x-authentik-",
    "x-goog-authenticated-user-",
];

impl StripIdentityHeaders {
    /// Removes `X-User`, `X-Forwarded-User`, `X-Auth-Request-*`, `Remote-User` and their like.
    pub fn new() -> Self {
        Self {
            names: Arc::new(Vec::new()),
        }
    }

    /// Removes this header too.
    pub fn also(mut self, name: &str) -> Self {
        Arc::make_mut(&mut self.names).push(folded(name));
        self
    }

    fn strips(&self, name: &HeaderName) -> bool {
        let name = folded(name.as_str());
        NAMES.contains(&&*name)
            || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            || self.names.contains(&name)
    }
}

impl Default for StripIdentityHeaders {
    fn default() -> Self {
        Self::new()
    }
}

fn folded(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

impl<S> Layer<S> for StripIdentityHeaders {
    type Service = StripIdentityHeadersService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        StripIdentityHeadersService {
            inner,
            config: self.clone(),
        }
    }
}

/// Removes headers; see [`StripIdentityHeaders`].
#[derive(Clone, Debug)]
pub struct StripIdentityHeadersService<S> {
    inner: S,
    config: StripIdentityHeaders,
}

impl<S, B> Service<Request<B>> for StripIdentityHeadersService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut req: Request<B>) -> Self::Future {
        let stripped: Vec<HeaderName> = req
            .headers()
            .keys()
            .filter(|name| self.config.strips(name))
            .cloned()
            .collect();
        for name in stripped {
            req.headers_mut().remove(name);
        }
        self.inner.call(req)
    }
}
