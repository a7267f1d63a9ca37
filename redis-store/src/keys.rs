//! The names of keys.

use auth_layer::{ConfigError, SecretDigest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The characters that digests are written with: base64url of 32 bytes.
pub(crate) const DIGEST: usize = 43;

/// What all keys of a store begin with.
#[derive(Clone, Debug)]
pub(crate) struct Prefix(String);

impl Prefix {
    pub(crate) const DEFAULT: &str = "auth";
    const LONGEST: usize = 64;

    pub(crate) fn new(prefix: &str) -> Result<Self, ConfigError> {
        // A brace would make a hash tag of it, and put all keys of a cluster on one server.
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:/".contains(&byte);
        if prefix.is_empty() || prefix.len() > Self::LONGEST || !prefix.bytes().all(fine) {
            return Err(ConfigError::new(
                "prefix",
                "must be 1 to 64 letters, digits or `.`, `_`, `-`, `:`, `/`",
            ));
        }
        Ok(Self(prefix.to_owned()))
    }

    /// The beginning of all keys of one kind.
    pub(crate) fn of(&self, kind: &str) -> String {
        format!("{}:{kind}:", self.0)
    }
}

impl Default for Prefix {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

/// 32 bytes as they are written into keys and values.
pub(crate) fn text(bytes: &[u8; 32]) -> [u8; DIGEST] {
    let mut text = [0; DIGEST];
    URL_SAFE_NO_PAD
        .encode_slice(bytes, &mut text)
        .expect("32 bytes are 43 characters of base64url");
    text
}

/// A key that ends with a digest.
pub(crate) fn key(beginning: &str, digest: &[u8]) -> Vec<u8> {
    [beginning.as_bytes(), digest].concat()
}

/// The digest of several names, told apart by presence and length.
#[cfg(any(feature = "apikey", feature = "jwt", test))]
pub(crate) fn digest_of(names: &[Option<&str>]) -> [u8; DIGEST] {
    text(&raw_digest_of(names))
}

/// As [`digest_of`], as it is.
pub(crate) fn raw_digest_of(names: &[Option<&str>]) -> [u8; 32] {
    let mut joined = Vec::with_capacity(128);
    for name in names {
        joined.push(u8::from(name.is_some()));
        let name = name.unwrap_or_default();
        joined.extend_from_slice(&(name.len() as u64).to_be_bytes());
        joined.extend_from_slice(name.as_bytes());
    }
    *SecretDigest::of(joined).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_that_cannot_be_meant_is_refused() {
        for (prefix, fine) in [
            ("auth", true),
            ("app:1/eu-west_2.b", true),
            ("", false),
            ("{app}", false),
            ("a b", false),
            ("a\n", false),
            (&*"a".repeat(64), true),
            (&*"a".repeat(65), false),
        ] {
            let built = Prefix::new(prefix);
            assert_eq!(built.is_ok(), fine, "{prefix:?}");
            if let Err(error) = built {
                assert_eq!(error.option(), "prefix");
            }
        }
    }

    #[test]
    fn joined_names_do_not_meet() {
        let digests = [
            digest_of(&[Some("ab"), None]),
            digest_of(&[Some("a"), Some("b")]),
            digest_of(&[None, Some("ab")]),
            digest_of(&[Some("ab"), Some("")]),
            digest_of(&[Some("ab")]),
        ];
        for (index, digest) in digests.iter().enumerate() {
            assert!(!digests[..index].contains(digest), "{index}");
        }
    }
}
