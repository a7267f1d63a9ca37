//! The credential.

use std::fmt;

use auth_layer::{ClientAddress, Origin, SecretDigest};
use http::HeaderValue;
use http::request::Parts;

use crate::KeyId;

/// A key that was sent: well-formed, and not yet verified. It cannot be printed.
#[derive(Clone)]
pub struct PresentedKey {
    pub(super) id: KeyId,
    /// From where it came.
    pub(super) client: ClientAddress,
    /// How much of the limits of the key the request takes.
    pub(super) cost: u32,
    /// The one `Origin` of the request.
    origin: Option<HeaderValue>,
    /// Whether it stood in `Authorization`, and perhaps in its own header too.
    pub(super) in_authorization: bool,
    /// Of the whole key, which is not kept.
    pub(super) digest: SecretDigest,
}

impl PresentedKey {
    pub(super) fn new(
        id: KeyId,
        text: &[u8],
        in_authorization: bool,
        origin: Option<&HeaderValue>,
        parts: &Parts,
    ) -> Self {
        let client = parts.extensions.get::<ClientAddress>().copied();
        Self {
            id,
            client: client.unwrap_or_else(ClientAddress::unknown),
            cost: 1,
            origin: origin.cloned(),
            in_authorization,
            digest: SecretDigest::of(text),
        }
    }

    /// Whether the request says that it comes from one of these. Only what a browser would send
    /// counts: an origin in its one spelling, and not `null`.
    pub(super) fn is_from(&self, origins: &[Origin]) -> bool {
        let text = self.origin.as_ref().and_then(|origin| origin.to_str().ok());
        let Some((text, origin)) = text.and_then(|text| Some((text, text.parse().ok()?))) else {
            return false;
        };
        origins.contains(&origin) && origin.to_string() == text
    }
}

impl fmt::Debug for PresentedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresentedKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
