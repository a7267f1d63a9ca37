//! Taking a certificate from a header, from those who may send it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use auth_layer::TrustedProxies;
use http::{Extensions, HeaderName, Request};
use tower_layer::Layer;
use tower_service::Service;

use super::{CertificateHeader, ClientCertificate};

/// Puts the [`ClientCertificate`] into the extensions of requests that come from a trusted proxy, and
/// takes the header away from everybody.
///
/// The proxy must verify that the client has the key of the certificate, and remove or replace the
/// header that clients send themselves. If it passes on several, none counts.
///
/// A request from anybody else keeps what the acceptor of its connection has put into the extensions.
/// One from a proxy does not: that certificate would be the proxy's.
///
/// ```
/// use std::net::SocketAddr;
///
/// use auth_layer::TrustedProxies;
/// use axum::extract::ConnectInfo;
/// use jwt_layer::{CertificateHeader, ClientCertificateLayer};
///
/// let proxies = TrustedProxies::x_forwarded_for(["10.0.0.0/8"])?;
/// let layer = ClientCertificateLayer::new(CertificateHeader::client_cert(), proxies, |extensions| {
///     extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip())
/// });
/// # let _: axum::Router = axum::Router::new().layer(layer);
/// # Ok::<(), auth_layer::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct ClientCertificateLayer {
    config: Arc<Config>,
}

struct Config {
    header: CertificateHeader,
    proxies: TrustedProxies,
    peer: fn(&Extensions) -> Option<IpAddr>,
}

impl ClientCertificateLayer {
    /// A layer that finds the peer with `peer` and believes `proxies`.
    #[must_use]
    pub fn new(
        header: CertificateHeader,
        proxies: TrustedProxies,
        peer: fn(&Extensions) -> Option<IpAddr>,
    ) -> Self {
        Self {
            config: Arc::new(Config {
                header,
                proxies,
                peer,
            }),
        }
    }
}

impl<S> Layer<S> for ClientCertificateLayer {
    type Service = ClientCertificateService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ClientCertificateService {
            inner,
            config: Arc::clone(&self.config),
        }
    }
}

/// Takes certificates from a header; see [`ClientCertificateLayer`].
#[derive(Clone)]
pub struct ClientCertificateService<S> {
    inner: S,
    config: Arc<Config>,
}

impl<S, B> Service<Request<B>> for ClientCertificateService<S>
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
        let Config {
            header,
            proxies,
            peer,
        } = &*self.config;
        if peer(req.extensions()).is_some_and(|peer| proxies.trusts(peer)) {
            req.extensions_mut().remove::<ClientCertificate>();
            if let Some(certificate) = header.read(req.headers()) {
                req.extensions_mut().insert(certificate);
            }
        }
        let sent = req.headers().keys().filter(|name| header.is_like(name));
        let sent: Vec<HeaderName> = sent.cloned().collect();
        for name in sent {
            req.headers_mut().remove(name);
        }
        self.inner.call(req)
    }
}

impl fmt::Debug for ClientCertificateLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificateLayer")
            .field("header", &self.config.header)
            .field("proxies", &self.config.proxies)
            .finish_non_exhaustive()
    }
}

impl<S: fmt::Debug> fmt::Debug for ClientCertificateService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificateService")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
