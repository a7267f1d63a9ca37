//! The routes, a file for each group.

mod account;
mod api_keys;
mod health;
mod identity;
mod legacy;
mod login;
mod page;
mod sessions;
mod token;

pub(crate) use self::api_keys::{limit as key_limit, new_form};

use std::error::Error;
use std::net::{IpAddr, SocketAddr};

use auth_layer::{ClientAddressLayer, StripIdentityHeaders};
use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit};
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::{Extensions, HeaderValue, Request};
use axum::middleware::from_fn;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;

use crate::config::Settings;
use crate::page::for_browsers;
use crate::state::AppState;
use crate::{problem, schemes};

/// The largest body that is read, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// The whole program: each group of routes with the schemes that it accepts.
pub(crate) fn app(state: AppState, settings: &Settings) -> Result<Router, Box<dyn Error>> {
    let sessions = state.sessions.clone();
    let credentials = schemes::credentials(&state)?;
    let digest = schemes::digest(&state)?;

    // Any identity: session, Bearer token, API key, Basic.
    let for_all = Router::new()
        .merge(identity::routes())
        .merge(sessions::routes())
        .merge(account::routes(sessions.csrf_layer()))
        .merge(api_keys::routes(&settings.jwt_issuer))
        .merge(page::routes())
        .layer(credentials);

    // A session is made here, and nothing else is asked for: no challenge, so that browsers show
    // the page's form and not a dialog of their own.
    let log_in = login::routes().layer(
        ServiceBuilder::new()
            .layer(from_fn(login::explain_limit))
            .layer(state.login_limit_layer())
            .layer(sessions.csrf_layer()),
    );

    let with_session = for_all.merge(log_in).layer(
        ServiceBuilder::new()
            .layer(SetResponseHeaderLayer::if_not_present(
                CACHE_CONTROL,
                HeaderValue::from_static("no-store"),
            ))
            .layer(sessions),
    );

    let app = Router::new()
        .merge(with_session)
        .merge(legacy::routes().layer(digest))
        .merge(token::routes(&state))
        .merge(health::routes())
        .merge(page::assets())
        .with_state(state)
        .layer(
            ServiceBuilder::new()
                .layer(StripIdentityHeaders::new())
                .layer(ClientAddressLayer::new(
                    settings.trusted_proxies.clone(),
                    peer,
                ))
                .layer(DefaultBodyLimit::max(MAX_BODY))
                .layer(TraceLayer::new_for_http().make_span_with(span))
                .layer(SetResponseHeaderLayer::overriding(
                    X_CONTENT_TYPE_OPTIONS,
                    HeaderValue::from_static("nosniff"),
                ))
                .layer(from_fn(for_browsers))
                .layer(from_fn(problem::uniform))
                .layer(CatchPanicLayer::new()),
        );
    Ok(app)
}

fn peer(extensions: &Extensions) -> Option<IpAddr> {
    let ConnectInfo(address) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(address.ip())
}

/// Leaves out the query: clients put secrets there, whether or not anybody reads them.
fn span<B>(req: &Request<B>) -> tracing::Span {
    tracing::debug_span!("request", method = %req.method(), path = req.uri().path())
}
