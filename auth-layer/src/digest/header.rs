//! Reading what a client sends behind `Authorization: Digest`.

use std::borrow::Cow;
use std::fmt;

use super::algorithm::hex_pair;
use super::parameters::Parameters;
use crate::AuthError;

/// The parameters of an `Authorization: Digest` header (RFC 7616 section 3.4), read but not checked.
///
/// What [`parse`](Self::parse) returned is well-formed: each parameter came once, those that every
/// response has are there, quotes and escapes are undone. Nothing is copied that had no escapes.
#[derive(Clone)]
pub struct DigestResponse<'a> {
    username: Cow<'a, str>,
    userhash: bool,
    realm: Cow<'a, str>,
    nonce: Cow<'a, str>,
    uri: Cow<'a, str>,
    response: Cow<'a, str>,
    algorithm: Option<Cow<'a, str>>,
    cnonce: Option<Cow<'a, str>>,
    nc: Option<Cow<'a, str>>,
    qop: Option<Cow<'a, str>>,
}

impl<'a> DigestResponse<'a> {
    /// Longer headers are refused unread.
    pub const MAX_LEN: usize = 8 * 1024;

    /// Reads what follows the scheme name; see [`authorization`](crate::authorization).
    ///
    /// Takes time proportional to the length, and never panics, whatever the bytes are. Unknown
    /// parameters are ignored, as RFC 7616 section 3.4 asks.
    ///
    /// ```
    /// use auth_layer::digest::DigestResponse;
    ///
    /// let sent = DigestResponse::parse(
    ///     br#"username="a \"b\", c", realm="r", nonce="n", uri="/", response="00", qop=auth"#,
    /// )?;
    /// assert_eq!(sent.username(), r#"a "b", c"#);
    /// assert_eq!(sent.qop(), Some("auth"));
    /// assert!(DigestResponse::parse(b"realm=\"r\", realm=\"r\"").is_err());
    /// # Ok::<(), auth_layer::AuthError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Fails with [`AuthErrorKind::Malformed`](crate::AuthErrorKind::Malformed).
    pub fn parse(bytes: &'a [u8]) -> Result<Self, AuthError> {
        if bytes.len() > Self::MAX_LEN {
            return Err(AuthError::malformed("header_too_long"));
        }
        let text = str::from_utf8(bytes).map_err(|_| AuthError::malformed("header_not_utf8"))?;

        let mut sent = Sent::default();
        for parameter in Parameters::new(text) {
            let (name, value) = parameter?;
            if let Some(slot) = sent.slot(name)
                && slot.replace(value).is_some()
            {
                return Err(AuthError::malformed("duplicate_parameter"));
            }
        }
        sent.finish()
    }

    /// The user name, from `username` or `username*`; the hash of it if
    /// [`is_userhash`](Self::is_userhash).
    pub fn username(&self) -> &str {
        &self.username
    }

    /// Whether [`username`](Self::username) is hexadecimal digits of a [`UserHash`](super::UserHash).
    pub const fn is_userhash(&self) -> bool {
        self.userhash
    }

    /// The parameter `realm`.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The parameter `nonce`.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// The parameter `uri`.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The parameter `response`.
    pub fn response(&self) -> &str {
        &self.response
    }

    /// The parameter `algorithm`; without it MD5 is meant.
    pub fn algorithm(&self) -> Option<&str> {
        self.algorithm.as_deref()
    }

    /// The parameter `cnonce`.
    pub fn cnonce(&self) -> Option<&str> {
        self.cnonce.as_deref()
    }

    /// The parameter `nc`.
    pub fn nc(&self) -> Option<&str> {
        self.nc.as_deref()
    }

    /// The parameter `qop`.
    pub fn qop(&self) -> Option<&str> {
        self.qop.as_deref()
    }
}

/// Leaves out what passwords can be guessed from, and the address.
impl fmt::Debug for DigestResponse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DigestResponse")
            .field("username", &self.username)
            .field("userhash", &self.userhash)
            .field("realm", &self.realm)
            .field("algorithm", &self.algorithm)
            .field("qop", &self.qop)
            .finish_non_exhaustive()
    }
}

/// The parameters that came so far.
#[derive(Default)]
struct Sent<'a> {
    algorithm: Option<Cow<'a, str>>,
    cnonce: Option<Cow<'a, str>>,
    nc: Option<Cow<'a, str>>,
    nonce: Option<Cow<'a, str>>,
    opaque: Option<Cow<'a, str>>,
    qop: Option<Cow<'a, str>>,
    realm: Option<Cow<'a, str>>,
    response: Option<Cow<'a, str>>,
    uri: Option<Cow<'a, str>>,
    userhash: Option<Cow<'a, str>>,
    username: Option<Cow<'a, str>>,
    username_ext: Option<Cow<'a, str>>,
}

impl<'a> Sent<'a> {
    /// Where the parameter `name` goes; `None` if it is unknown. Names have no case.
    fn slot(&mut self, name: &str) -> Option<&mut Option<Cow<'a, str>>> {
        [
            ("algorithm", &mut self.algorithm),
            ("cnonce", &mut self.cnonce),
            ("nc", &mut self.nc),
            ("nonce", &mut self.nonce),
            ("opaque", &mut self.opaque),
            ("qop", &mut self.qop),
            ("realm", &mut self.realm),
            ("response", &mut self.response),
            ("uri", &mut self.uri),
            ("userhash", &mut self.userhash),
            ("username", &mut self.username),
            ("username*", &mut self.username_ext),
        ]
        .into_iter()
        .find_map(|(known, slot)| known.eq_ignore_ascii_case(name).then_some(slot))
    }

    fn finish(self) -> Result<DigestResponse<'a>, AuthError> {
        let missing = || AuthError::malformed("missing_parameter");
        let userhash = match self.userhash.as_deref() {
            None => false,
            Some(value) if value.eq_ignore_ascii_case("false") => false,
            Some(value) if value.eq_ignore_ascii_case("true") => true,
            Some(_) => return Err(AuthError::malformed("bad_userhash")),
        };
        let username = match (self.username, self.username_ext) {
            (Some(username), None) => username,
            // RFC 7616 section 3.4: `username*` only for names, never for their hashes.
            (None, Some(ext)) if !userhash => Cow::Owned(ext_value(&ext)?),
            (None, None) => return Err(missing()),
            (_, Some(_)) => return Err(AuthError::malformed("ambiguous_username")),
        };
        if username.chars().any(char::is_control) {
            return Err(AuthError::malformed("bad_username"));
        }
        Ok(DigestResponse {
            username,
            userhash,
            realm: self.realm.ok_or_else(missing)?,
            nonce: self.nonce.ok_or_else(missing)?,
            uri: self.uri.ok_or_else(missing)?,
            response: self.response.ok_or_else(missing)?,
            algorithm: self.algorithm,
            cnonce: self.cnonce,
            nc: self.nc,
            qop: self.qop,
        })
    }
}

/// Decodes an ext-value of RFC 5987 section 3.2.1, `UTF-8'en'J%C3%A4s%C3%B8n`; UTF-8 only.
fn ext_value(value: &str) -> Result<String, AuthError> {
    let malformed = || AuthError::malformed("bad_username");
    let mut sections = value.splitn(3, '\'');
    let (Some(charset), Some(_language), Some(encoded)) =
        (sections.next(), sections.next(), sections.next())
    else {
        return Err(malformed());
    };
    if !charset.eq_ignore_ascii_case("UTF-8") {
        return Err(malformed());
    }

    let mut decoded = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => bytes
                .next()
                .zip(bytes.next())
                .and_then(|(high, low)| hex_pair(high, low))
                .ok_or_else(malformed)?,
            b'!' | b'#' | b'$' | b'&' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~' => {
                byte
            }
            byte if byte.is_ascii_alphanumeric() => byte,
            _ => return Err(malformed()),
        });
    }
    String::from_utf8(decoded).map_err(|_| malformed())
}

#[cfg(test)]
mod tests;
