//! The value of the remember-me cookie.

use std::fmt;

use auth_layer::{AuthError, SecretDigest, random_bytes};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// What stands before a selector when it is hashed, and what before a whole token: so that no token
/// of another kind in this suite is ever one of these.
const SELECTOR_PURPOSE: &[u8] = b"remember-series\0";
const SECRET_PURPOSE: &[u8] = b"remember-secret\0";

/// A selector of 128 random bits, which names the series and stays, and a secret of 256 random bits,
/// which is good for one use: 22 and 43 characters of base64url.
#[derive(Clone)]
pub(crate) struct RememberToken(Zeroizing<[u8; 65]>);

impl RememberToken {
    pub(crate) const LEN: usize = 65;
    const SELECTOR: usize = 22;

    /// A new series and its first secret.
    pub(crate) fn generate() -> Result<Self, AuthError> {
        let selector = random_bytes::<16>()?;
        let mut text = Zeroizing::new([0; Self::LEN]);
        URL_SAFE_NO_PAD
            .encode_slice(selector, &mut text[..Self::SELECTOR])
            .expect("16 bytes are 22 characters of base64url");
        Self(text).next()
    }

    /// The same series with another secret.
    pub(crate) fn next(&self) -> Result<Self, AuthError> {
        let bytes = Zeroizing::new(random_bytes::<32>()?);
        let mut text = self.0.clone();
        URL_SAFE_NO_PAD
            .encode_slice(*bytes, &mut text[Self::SELECTOR..])
            .expect("32 bytes are 43 characters of base64url");
        Ok(Self(text))
    }

    /// A token that was sent; `None` if it cannot be one of ours.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let text: [u8; Self::LEN] = text.try_into().ok()?;
        text.iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            .then(|| Self(Zeroizing::new(text)))
    }

    /// What the store knows the series by.
    pub(crate) fn series(&self) -> SecretDigest {
        digest(SELECTOR_PURPOSE, &self.0[..Self::SELECTOR])
    }

    /// What the store knows the secret by; a secret of another series never has the same.
    pub(crate) fn secret(&self) -> SecretDigest {
        digest(SECRET_PURPOSE, &self.0[..])
    }

    /// The text for the cookie.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0[..]
    }
}

fn digest(purpose: &[u8], text: &[u8]) -> SecretDigest {
    let mut whole = Zeroizing::new(Vec::with_capacity(purpose.len() + text.len()));
    whole.extend_from_slice(purpose);
    whole.extend_from_slice(text);
    SecretDigest::of(&whole[..])
}

impl fmt::Debug for RememberToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RememberToken([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SessionSecret;

    #[test]
    fn ses_21_ses_26_the_selector_stays_and_the_secret_does_not() {
        let first = RememberToken::generate().unwrap();
        let mut seen = vec![first.clone()];
        for _ in 0..50 {
            let next = seen[seen.len() - 1].next().unwrap();
            assert_eq!(next.series(), first.series());
            assert_eq!(next.expose()[..22], first.expose()[..22]);
            assert!(seen.iter().all(|old| old.secret() != next.secret()));
            let secret = URL_SAFE_NO_PAD.decode(&next.expose()[22..]).unwrap();
            assert_eq!(secret.len(), 32);
            seen.push(next);
        }
        let other = RememberToken::generate().unwrap();
        assert_ne!(other.series(), first.series());
        assert_eq!(
            URL_SAFE_NO_PAD.decode(&other.expose()[..22]).unwrap().len(),
            16
        );
    }

    #[test]
    fn ses_07_no_part_of_a_token_is_a_secret_of_another_kind() {
        let token = RememberToken::generate().unwrap();
        let secret = SessionSecret::parse(&token.expose()[22..]).unwrap();
        let digests = [
            token.series(),
            token.secret(),
            secret.digest(),
            SecretDigest::of(token.expose()),
            SecretDigest::of(&token.expose()[..22]),
            SecretDigest::of(&token.expose()[22..]),
        ];
        for (index, digest) in digests.iter().enumerate() {
            assert!(!digests[..index].contains(digest), "{index}");
        }
        assert!(SessionSecret::parse(token.expose()).is_none());
        assert!(RememberToken::parse(secret.expose()).is_none());
    }

    #[test]
    fn what_cannot_be_a_token_is_none() {
        let token = RememberToken::generate().unwrap();
        let text = std::str::from_utf8(token.expose()).unwrap();
        assert!(RememberToken::parse(text.as_bytes()).is_some());
        for wrong in [
            String::new(),
            text[..64].to_owned(),
            format!("{text}A"),
            format!("{}.", &text[..64]),
            format!("{}%41", &text[..62]),
        ] {
            assert!(RememberToken::parse(wrong.as_bytes()).is_none(), "{wrong}");
        }
        assert_eq!(format!("{token:?}"), "RememberToken([redacted])");
    }
}
