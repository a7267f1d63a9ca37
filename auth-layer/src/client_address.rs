//! Where a request comes from, told only by those who may tell.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Extensions, HeaderMap, HeaderName, Request};
use ipnet::IpNet;
use tower_layer::Layer;
use tower_service::Service;

use crate::ConfigError;

/// The address of a client, as far as it is known.
///
/// [`ClientAddressLayer`] puts it into the request's extensions; limits and events read it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress {
    address: Option<IpAddr>,
}

impl ClientAddress {
    /// A known address; an IPv4-mapped IPv6 address counts as the IPv4 address in it.
    #[must_use]
    pub fn new(address: IpAddr) -> Self {
        Self {
            address: Some(address.to_canonical()),
        }
    }

    /// An address that is not known.
    #[must_use]
    pub const fn unknown() -> Self {
        Self { address: None }
    }

    /// The address, if it is known.
    pub fn ip(&self) -> Option<IpAddr> {
        self.address
    }

    /// What limits count by: an IPv4 address whole, an IPv6 address by its /64, because a client
    /// owns that many, and all unknown addresses together.
    pub fn limit_key(&self) -> ClientNetwork {
        ClientNetwork(self.address.map(|address| match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(address) => {
                let network = u128::from(address) & (u128::MAX << 64);
                IpAddr::V6(Ipv6Addr::from(network))
            }
        }))
    }
}

/// A client's network, to count by. See [`ClientAddress::limit_key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientNetwork(Option<IpAddr>);

impl fmt::Display for ClientNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => write!(f, "{address}"),
            None => f.write_str("unknown"),
        }
    }
}

/// Which peers may say whom they forward for, and in which header.
///
/// By default nobody may, and the address is the peer's own. With trusted proxies, the hops in the
/// header are walked from the right, and the first one that is not a trusted proxy is the client:
/// what stands left of it is whatever the client wrote. If a hop on the way cannot be read, the
/// client is [unknown](ClientAddress::unknown), and never taken for a proxy.
///
/// ```
/// use auth_layer::{ClientAddress, TrustedProxies};
/// # use http::HeaderMap;
///
/// let proxies = TrustedProxies::x_forwarded_for(["10.0.0.0/8"])?;
/// let mut headers = HeaderMap::new();
/// headers.insert("x-forwarded-for", "1.1.1.1, 203.0.113.7, 10.0.0.2".parse()?);
///
/// let client = proxies.client_address(Some("10.0.0.1".parse()?), &headers);
/// assert_eq!(client, ClientAddress::new("203.0.113.7".parse()?));
/// let direct = proxies.client_address(Some("198.51.100.1".parse()?), &headers);
/// assert_eq!(direct, ClientAddress::new("198.51.100.1".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    header: Header,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Header {
    #[default]
    XForwardedFor,
    Forwarded,
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

impl TrustedProxies {
    /// Nobody is trusted: the client is the peer. The default.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Peers in these networks (CIDRs or single addresses) tell by `X-Forwarded-For`.
    ///
    /// # Errors
    ///
    /// Refuses what is neither a CIDR nor an address, and networks that hold every address.
    pub fn x_forwarded_for<N: AsRef<str>>(
        networks: impl IntoIterator<Item = N>,
    ) -> Result<Self, ConfigError> {
        Self::new(networks, Header::XForwardedFor)
    }

    /// Peers in these networks (CIDRs or single addresses) tell by `Forwarded` (RFC 7239).
    ///
    /// # Errors
    ///
    /// Refuses what is neither a CIDR nor an address, and networks that hold every address.
    pub fn forwarded<N: AsRef<str>>(
        networks: impl IntoIterator<Item = N>,
    ) -> Result<Self, ConfigError> {
        Self::new(networks, Header::Forwarded)
    }

    fn new<N: AsRef<str>>(
        networks: impl IntoIterator<Item = N>,
        header: Header,
    ) -> Result<Self, ConfigError> {
        let networks = networks
            .into_iter()
            .map(|network| {
                let text = network.as_ref().trim();
                let network: IpNet = text
                    .parse()
                    .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
                    .map_err(|_| {
                        ConfigError::new(
                            "TrustedProxies",
                            format!("`{text}` is neither a network nor an address"),
                        )
                    })?;
                if matches!(network.addr(), IpAddr::V6(address) if address.to_ipv4_mapped().is_some()) {
                    return Err(ConfigError::new(
                        "TrustedProxies",
                        format!("`{text}` must be written as an IPv4 network"),
                    ));
                }
                if network.prefix_len() == 0 {
                    return Err(ConfigError::new(
                        "TrustedProxies",
                        format!("`{text}` would let every client choose its address"),
                    ));
                }
                Ok(network.trunc())
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { networks, header })
    }

    /// Whether this peer may tell whom it forwards for.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.networks.iter().any(|network| network.contains(&peer))
    }

    /// The address of the client behind `peer`.
    pub fn client_address(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> ClientAddress {
        let Some(peer) = peer else {
            return ClientAddress::unknown();
        };
        if !self.trusts(peer) {
            return ClientAddress::new(peer);
        }
        let mut client = peer;
        for hop in self.hops(headers) {
            let Some(hop) = hop else {
                return ClientAddress::unknown();
            };
            client = hop;
            if !self.trusts(hop) {
                break;
            }
        }
        ClientAddress::new(client)
    }

    /// The hops from the right; `None` for one that is no address.
    fn hops<'a>(&self, headers: &'a HeaderMap) -> Box<dyn Iterator<Item = Option<IpAddr>> + 'a> {
        match self.header {
            Header::XForwardedFor => Box::new(
                headers
                    .get_all(X_FORWARDED_FOR)
                    .iter()
                    .rev()
                    // Hop by hop: what a client wrote further left must not spoil the rest.
                    .flat_map(|value| value.as_bytes().rsplit(|b| *b == b','))
                    .map(|hop| parse_node(std::str::from_utf8(hop).ok()?.trim())),
            ),
            Header::Forwarded => Box::new(
                headers
                    .get_all(http::header::FORWARDED)
                    .iter()
                    .rev()
                    .flat_map(|value| {
                        let mut elements = split_outside_quotes(value.to_str().unwrap_or("?"), ',');
                        elements.reverse();
                        elements
                    })
                    .map(|element| forwarded_for(&element)),
            ),
        }
    }
}

/// The `for` of one element of `Forwarded`; `None` unless there is exactly one and it is an address.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut found = None;
    for pair in split_outside_quotes(element, ';') {
        let (name, value) = pair.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("for") {
            continue;
        }
        if found.is_some() {
            return None;
        }
        let value = value.trim();
        let node = match value.strip_prefix('"') {
            Some(rest) => rest.strip_suffix('"')?.replace('\\', ""),
            None => value.to_owned(),
        };
        found = Some(parse_node(&node)?);
    }
    found
}

/// Splits at `separator` where it does not stand in a quoted string.
fn split_outside_quotes(text: &str, separator: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if c == separator && !quoted => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

/// An address, with or without a port: `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]:80`,
/// `2001:db8::1`.
fn parse_node(node: &str) -> Option<IpAddr> {
    if let Ok(address) = node.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    if let Ok(address) = node.parse::<SocketAddr>() {
        return Some(address.ip().to_canonical());
    }
    let address: Ipv6Addr = node.strip_prefix('[')?.strip_suffix(']')?.parse().ok()?;
    Some(IpAddr::V6(address).to_canonical())
}

/// Puts the [`ClientAddress`] into the extensions of every request.
///
/// It must be told how to find the peer's address, which only the server knows. With axum:
///
/// ```
/// use std::net::SocketAddr;
///
/// use auth_layer::{ClientAddressLayer, TrustedProxies};
/// use axum::extract::ConnectInfo;
///
/// let layer = ClientAddressLayer::new(TrustedProxies::none(), |extensions| {
///     extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip())
/// });
/// # let _: axum::Router = axum::Router::new().layer(layer);
/// ```
#[derive(Clone)]
pub struct ClientAddressLayer {
    config: Arc<Config>,
}

struct Config {
    proxies: TrustedProxies,
    peer: fn(&Extensions) -> Option<IpAddr>,
}

impl ClientAddressLayer {
    /// A layer that finds the peer with `peer` and believes `proxies`.
    #[must_use]
    pub fn new(proxies: TrustedProxies, peer: fn(&Extensions) -> Option<IpAddr>) -> Self {
        Self {
            config: Arc::new(Config { proxies, peer }),
        }
    }
}

impl<S> Layer<S> for ClientAddressLayer {
    type Service = ClientAddressService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ClientAddressService {
            inner,
            config: Arc::clone(&self.config),
        }
    }
}

impl fmt::Debug for ClientAddressLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAddressLayer")
            .field("proxies", &self.config.proxies)
            .finish_non_exhaustive()
    }
}

/// Finds the client's address; see [`ClientAddressLayer`].
#[derive(Clone)]
pub struct ClientAddressService<S> {
    inner: S,
    config: Arc<Config>,
}

impl<S, B> Service<Request<B>> for ClientAddressService<S>
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
        let peer = (self.config.peer)(req.extensions());
        let address = self.config.proxies.client_address(peer, req.headers());
        req.extensions_mut().insert(address);
        self.inner.call(req)
    }
}

impl<S: fmt::Debug> fmt::Debug for ClientAddressService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAddressService")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn client(proxies: &TrustedProxies, peer: &str, headers: &[(&str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        let address = proxies.client_address(Some(peer.parse().unwrap()), &map);
        address.limit_key().to_string()
    }

    #[test]
    fn x_08_by_default_only_the_peer_counts() {
        let spoofed = [
            ("x-forwarded-for", "1.1.1.1"),
            ("forwarded", "for=1.1.1.1"),
            ("x-real-ip", "1.1.1.1"),
        ];
        let none = TrustedProxies::none();
        assert_eq!(client(&none, "198.51.100.1", &spoofed), "198.51.100.1");
    }

    #[test]
    fn x_08_the_rightmost_untrusted_hop_is_the_client() {
        let proxies = TrustedProxies::x_forwarded_for(["10.0.0.0/8", "2001:db8::1"]).unwrap();
        for (peer, values, expected) in [
            ("10.0.0.1", &["203.0.113.7"][..], "203.0.113.7"),
            ("10.0.0.1", &["1.1.1.1, 203.0.113.7"], "203.0.113.7"),
            (
                "10.0.0.1",
                &["1.1.1.1", "203.0.113.7, 10.9.9.9"],
                "203.0.113.7",
            ),
            ("2001:db8::1", &["203.0.113.7:1234"], "203.0.113.7"),
            ("10.0.0.1", &["[2001:db8::7]:1234"], "2001:db8::"),
            ("10.0.0.1", &["::ffff:203.0.113.7"], "203.0.113.7"),
            ("::ffff:10.0.0.1", &["203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", &["2001:DB8:0::7"], "2001:db8::"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["1.1.1.1, unknown"], "unknown"),
            ("10.0.0.1", &["1.1.1.1, unknown, 10.0.0.2"], "unknown"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &[""], "unknown"),
            // What the client wrote does not hide what the proxy appended.
            ("10.0.0.1", &["ÿ, 203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", &["ÿ"], "unknown"),
            ("203.0.113.9", &["1.1.1.1"], "203.0.113.9"),
        ] {
            let headers: Vec<_> = values.iter().map(|v| ("x-forwarded-for", *v)).collect();
            assert_eq!(
                client(&proxies, peer, &headers),
                expected,
                "{peer} {values:?}"
            );
        }
    }

    #[test]
    fn x_08_forwarded_is_parsed_with_its_quotes() {
        let proxies = TrustedProxies::forwarded(["10.0.0.0/8"]).unwrap();
        for (value, expected) in [
            ("for=203.0.113.7", "203.0.113.7"),
            ("For=203.0.113.7;proto=https", "203.0.113.7"),
            ("for=\"[2001:db8::7]:80\"", "2001:db8::"),
            ("for=1.1.1.1, for=203.0.113.7", "203.0.113.7"),
            (
                "for=\"1.1.1.1;x\", for=203.0.113.7;by=\"a,b\"",
                "203.0.113.7",
            ),
            ("for=\"1.1.1.1, for=203.0.113.7", "unknown"),
            ("for=203.0.113.7;for=1.1.1.1", "unknown"),
            ("for=_hidden", "unknown"),
            ("proto=https", "unknown"),
        ] {
            let headers = [("forwarded", value), ("x-forwarded-for", "9.9.9.9")];
            assert_eq!(client(&proxies, "10.0.0.1", &headers), expected, "{value}");
        }
    }

    #[test]
    fn x_08_limits_count_by_network_and_count_the_unknown() {
        for (address, key) in [
            (Some("203.0.113.7"), "203.0.113.7"),
            (Some("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::"),
            (Some("2001:DB8:1:2::9"), "2001:db8:1:2::"),
            (Some("::ffff:203.0.113.7"), "203.0.113.7"),
            (None, "unknown"),
        ] {
            let address = address.map_or(ClientAddress::unknown(), |address| {
                ClientAddress::new(address.parse().unwrap())
            });
            assert_eq!(address.limit_key().to_string(), key);
        }
    }

    #[test]
    fn networks_that_trust_everybody_are_refused() {
        for network in [
            "0.0.0.0/0",
            "::/0",
            "10.0.0.0/33",
            "::ffff:10.0.0.0/104",
            "all",
            "",
        ] {
            let error = TrustedProxies::x_forwarded_for([network]).unwrap_err();
            assert_eq!(error.option(), "TrustedProxies", "{network}");
        }
    }

    proptest! {
        #[test]
        fn no_header_panics_or_moves_an_untrusted_peer(value in "[ -~]{0,80}") {
            for proxies in [
                TrustedProxies::x_forwarded_for(["10.0.0.0/8"]).unwrap(),
                TrustedProxies::forwarded(["10.0.0.0/8"]).unwrap(),
            ] {
                let headers = [("x-forwarded-for", &*value), ("forwarded", &*value)];
                prop_assert_eq!(client(&proxies, "192.0.2.1", &headers), "192.0.2.1");
                client(&proxies, "10.0.0.1", &headers);
            }
        }
    }
}
