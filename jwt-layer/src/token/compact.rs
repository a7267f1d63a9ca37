//! The compact serialization (RFC 7515 section 3.1), and no other.

use auth_layer::AuthError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use memchr::memchr_iter;

use crate::crypto::MAX_SIGNATURE_LEN;

/// The three parts of a token, still encoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compact<'a> {
    header: &'a [u8],
    payload: &'a [u8],
    signature: &'a [u8],
    /// Header and payload with the dot between them.
    pub(crate) signed: &'a [u8],
}

/// Whether a Bearer token is for those who read JWTs, or for those who ask about opaque tokens: three
/// parts, of which the first begins as `{"` does. Both ask here, so that one of them takes it.
pub(crate) fn looks_like_jwt(token: &[u8]) -> bool {
    token.starts_with(b"ey") && memchr_iter(b'.', token).count() == 2
}

/// The signature, decoded without the heap.
pub(crate) struct Signature {
    // The decoder asks for room to spare.
    bytes: [u8; MAX_SIGNATURE_LEN + 4],
    len: usize,
}

impl Signature {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl<'a> Compact<'a> {
    /// Splits a token. Looks at its length and its dots only.
    pub(crate) fn split(token: &'a [u8], max_len: usize) -> Result<Self, AuthError> {
        if token.is_empty() {
            return Err(AuthError::malformed("empty_token"));
        }
        if token.len() > max_len {
            return Err(AuthError::malformed("token_too_long"));
        }
        let mut dots = memchr_iter(b'.', token);
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(AuthError::malformed("not_a_signed_token"));
        };
        let parts = Self {
            header: &token[..first],
            payload: &token[first + 1..second],
            signature: &token[second + 1..],
            signed: &token[..second],
        };
        if parts.header.is_empty() || parts.signature.is_empty() {
            return Err(AuthError::malformed("not_a_signed_token"));
        }
        Ok(parts)
    }

    /// Whether the header can be a JSON object, by its first letter: that of a brace, or of the white
    /// space that may precede one. It tells most of what is no token before anything is decoded.
    pub(crate) fn may_have_object(&self) -> bool {
        matches!(self.header.first(), Some(b'e' | b'C' | b'D' | b'I'))
    }

    pub(crate) fn header(&self) -> Result<Vec<u8>, AuthError> {
        decode(self.header)
    }

    pub(crate) fn payload(&self) -> Result<Vec<u8>, AuthError> {
        decode(self.payload)
    }

    pub(crate) fn signature(&self) -> Result<Signature, AuthError> {
        let mut signature = Signature {
            bytes: [0; MAX_SIGNATURE_LEN + 4],
            len: 0,
        };
        // Four letters hold three bytes: longer ones cannot be signatures.
        if self.signature.len() > MAX_SIGNATURE_LEN.div_ceil(3) * 4 {
            return Err(AuthError::malformed("signature_too_long"));
        }
        signature.len = URL_SAFE_NO_PAD
            .decode_slice(self.signature, &mut signature.bytes)
            .map_err(|_| AuthError::malformed("not_base64url"))?;
        Ok(signature)
    }
}

/// Strict base64url: no padding, no white space, no bits left over (RFC 7515 section 2).
fn decode(part: &[u8]) -> Result<Vec<u8>, AuthError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| AuthError::malformed("not_base64url"))
}
