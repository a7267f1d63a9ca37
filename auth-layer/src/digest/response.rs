//! The computation at the heart of Digest: no header, no clock, no store.

use std::fmt;

use super::Ha1;
use super::algorithm::{Algorithm, HashOutput};

/// What a [`response`] is computed over, besides the password.
///
/// All texts are as they were sent. It is exhaustive: RFC 7616 hashes these and nothing else.
#[derive(Clone, Copy)]
pub struct ResponseInput<'a> {
    /// The method of the request.
    pub method: &'a str,
    /// The parameter `uri`.
    pub uri: &'a str,
    /// The parameter `nonce`.
    pub nonce: &'a str,
    /// The parameter `nc`, eight hexadecimal digits.
    pub nc: &'a str,
    /// The parameter `cnonce`.
    pub cnonce: &'a str,
    /// The body of the request for `qop=auth-int`, or `None` for `qop=auth`.
    pub body: Option<&'a [u8]>,
}

/// The value of the parameter `response` (RFC 7616 section 3.4.1).
///
/// ```
/// use auth_layer::digest::{Algorithm, Ha1, ResponseInput, response};
///
/// let ha1 = Ha1::from_password(Algorithm::Md5, "Mufasa", "http-auth@example.org", "Circle of Life");
/// let input = ResponseInput {
///     method: "GET",
///     uri: "/dir/index.html",
///     nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
///     nc: "00000001",
///     cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
///     body: None,
/// };
/// assert_eq!(response(&ha1, &input), "8ca523f5e9506fed4657c9700eebdbec"); // RFC 7616 section 3.9.1
/// ```
#[must_use]
pub fn response(ha1: &Ha1, input: &ResponseInput<'_>) -> String {
    let signed = signed(ha1.algorithm(), input);
    complete(ha1, &signed).to_hex().as_str().to_owned()
}

/// All that is hashed behind `H(A1)`: what the layer computes while the request is at hand.
pub(super) fn signed(algorithm: Algorithm, input: &ResponseInput<'_>) -> String {
    let (method, uri) = (input.method.as_bytes(), input.uri.as_bytes());
    let (qop, ha2) = match input.body {
        None => ("auth", algorithm.digest(&[method, uri])),
        Some(body) => {
            let body = algorithm.digest(&[body]).to_hex();
            (
                "auth-int",
                algorithm.digest(&[method, uri, body.as_bytes()]),
            )
        }
    };
    [input.nonce, input.nc, input.cnonce, qop, &ha2.to_hex()].join(":")
}

/// The response over what [`signed`] made.
pub(super) fn complete(ha1: &Ha1, signed: &str) -> HashOutput {
    let hex = ha1.output().to_hex();
    ha1.algorithm().digest(&[hex.as_bytes(), signed.as_bytes()])
}

/// Shows the method only: addresses and bodies may hold secrets.
impl fmt::Debug for ResponseInput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseInput")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}
