//! The form of keys: `prefix_env_<id><secret><checksum>`.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use auth_layer::{AuthError, ConfigError, SecretString};

use super::base62::{self, CHECKSUM_LEN};
use super::scanning::SecretScanning;
use super::{ApiKey, KeyId};

/// 28 letters of base 62 hold 166 random bits.
pub(super) const SECRET_LEN: usize = 28;
pub(super) const BODY_LEN: usize = KeyId::LEN + SECRET_LEN + CHECKSUM_LEN;

/// What the keys of an application look like.
///
/// ```text
/// sk_live_8Zk2mWq4Lx0PbT6vNc1RyDs9HgJfUa3EoQiKtYw73Cixfe
/// ── ──── ──────────── ──────────────────────────── ──────
/// │  │    public id    secret, 166 bits             CRC-32 of all before it
/// │  environment: live or test
/// prefix, yours
/// ```
///
/// The prefix lets scanners find keys that were published by mistake, and the checksum lets
/// everybody tell a key from a typing error without asking a store.
///
/// The length of the last part says which version of the form it is; this is the first, with 46
/// letters. Another version has another length: neither is ever read as the other, a reader that knows
/// both takes both, and one that does not refuses the other before it hashes or looks up anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFormat {
    /// `sk_live_`
    head: Arc<str>,
    /// The length of `sk_`.
    prefix_len: usize,
}

impl KeyFormat {
    /// Keys for the real thing, `prefix_live_…`.
    ///
    /// # Errors
    ///
    /// Refuses prefixes other than 2 to 20 lower-case letters, digits and single underscores that
    /// start with a letter.
    pub fn live(prefix: &str) -> Result<Self, ConfigError> {
        Self::new(prefix, "live")
    }

    /// Keys for trying things out, `prefix_test_…`. Neither environment accepts the other's.
    ///
    /// # Errors
    ///
    /// As [`live`](Self::live).
    pub fn test(prefix: &str) -> Result<Self, ConfigError> {
        Self::new(prefix, "test")
    }

    fn new(prefix: &str, environment: &str) -> Result<Self, ConfigError> {
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let good = (2..=20).contains(&prefix.len())
            && prefix.starts_with(|c: char| c.is_ascii_lowercase())
            && !prefix.ends_with('_')
            && !prefix.contains("__")
            && prefix.bytes().all(letters);
        if !good {
            return Err(ConfigError::new(
                "prefix",
                "must be 2 to 20 lower-case letters, digits and single underscores, a letter first",
            ));
        }
        Ok(Self {
            head: format!("{prefix}_{environment}_").into(),
            prefix_len: prefix.len() + 1,
        })
    }

    /// The start of every key, in either environment: `sk_`. What another Bearer scheme has to
    /// leave alone.
    pub fn prefix(&self) -> &str {
        &self.head[..self.prefix_len]
    }

    /// How every key of this format begins: `sk_live_`.
    pub(crate) fn head(&self) -> &str {
        &self.head
    }

    /// What programmes that scan for published secrets need to know of these keys: an expression, an
    /// example, the checksum.
    pub fn scanning(&self) -> SecretScanning {
        SecretScanning::of(self)
    }

    /// The regular expression of [`scanning`](Self::scanning). It finds keys of both environments.
    pub fn scanner_regex(&self) -> String {
        self.scanning().regex().to_owned()
    }

    /// A new key.
    ///
    /// # Errors
    ///
    /// Fails if the system has no randomness.
    pub fn generate(&self) -> Result<ApiKey, AuthError> {
        self.generate_for(KeyId::random()?)
    }

    /// A new secret for a key that exists.
    pub(crate) fn generate_for(&self, id: KeyId) -> Result<ApiKey, AuthError> {
        let secret = base62::random_letters::<SECRET_LEN>()?;
        let mut text = self.start(id.as_str());
        text.extend(secret.map(char::from));
        append_checksum(&mut text);
        Ok(ApiKey::new(id, SecretString::from(text)))
    }

    /// A text in the form of a key, of these letters for id and secret.
    pub(super) fn with_checksum(&self, letters: &str) -> String {
        let mut text = self.start(letters);
        append_checksum(&mut text);
        text
    }

    /// The start of a key, with room for the rest: growing would leave copies of a secret behind.
    fn start(&self, letters: &str) -> String {
        let mut text = String::with_capacity(self.head.len() + BODY_LEN);
        text.push_str(&self.head);
        text.push_str(letters);
        text
    }

    /// The public id of what looks like a key of ours. Nothing is hashed and nothing is looked up:
    /// this tells a key from rubbish, and not a good key from a bad one.
    ///
    /// # Errors
    ///
    /// Says at which part the text stops looking like a key.
    pub fn parse(&self, text: &[u8]) -> Result<KeyId, MalformedKey> {
        let body = text
            .strip_prefix(self.head.as_bytes())
            .ok_or(MalformedKey::Prefix)?;
        let body: &[u8; BODY_LEN] = body.try_into().map_err(|_| MalformedKey::Length)?;
        let (rest, checksum) = text.split_at(text.len() - CHECKSUM_LEN);
        if base62::checksum_letters(crc32fast::hash(rest)) != checksum {
            return Err(MalformedKey::Checksum);
        }
        body.first_chunk()
            .filter(|_| base62::are_letters(body))
            .map(|id| KeyId::from_checked_letters(*id))
            .ok_or(MalformedKey::Alphabet)
    }
}

fn append_checksum(text: &mut String) {
    let checksum = base62::checksum_letters(crc32fast::hash(text.as_bytes()));
    text.extend(checksum.map(char::from));
}

/// Why a text is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MalformedKey {
    /// It holds something else than letters and digits.
    Alphabet,
    /// It was mistyped, cut, or made up.
    Checksum,
    /// It is too short or too long.
    Length,
    /// It is of another application or environment.
    Prefix,
}

impl MalformedKey {
    /// The word for the log.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Alphabet => "key_alphabet",
            Self::Checksum => "key_checksum",
            Self::Length => "key_length",
            Self::Prefix => "key_prefix",
        }
    }
}

impl fmt::Display for MalformedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alphabet => "holds something else than letters and digits",
            Self::Checksum => "has a wrong checksum",
            Self::Length => "has a wrong length",
            Self::Prefix => "has another prefix or environment",
        })
    }
}

impl Error for MalformedKey {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn format() -> KeyFormat {
        KeyFormat::live("sk").unwrap()
    }

    #[test]
    fn prefixes_are_plain() {
        for prefix in ["sk", "acme", "acme_api", "a1", "abcdefghijklmnopqrst"] {
            assert!(KeyFormat::live(prefix).is_ok(), "{prefix}");
        }
        for prefix in [
            "",
            "s",
            "1k",
            "_k",
            "sk_",
            "s__k",
            "SK",
            "s-k",
            "s.k",
            "sä",
            "abcdefghijklmnopqrstu",
        ] {
            assert_eq!(
                KeyFormat::test(prefix).unwrap_err().option(),
                "prefix",
                "{prefix}"
            );
        }
    }

    #[test]
    fn the_key_of_the_documentation_is_one() {
        let key = "sk_live_8Zk2mWq4Lx0PbT6vNc1RyDs9HgJfUa3EoQiKtYw73Cixfe";
        assert!(format().parse(key.as_bytes()).is_ok());
    }

    #[test]
    fn a_key_reads_back_and_has_its_parts() {
        let key = format().generate().unwrap();
        let text = key.expose();
        assert!(text.starts_with("sk_live_"), "{text}");
        assert_eq!(text.len(), "sk_live_".len() + 46);
        assert_eq!(format().parse(text.as_bytes()), Ok(*key.id()));
        assert_eq!(&text[8..20], key.id().as_str());
        assert_eq!(format().prefix(), "sk_");
        assert_eq!(
            format().scanner_regex(),
            r"sk_(?:live|test)_[0-9A-Za-z]{46}\b"
        );
    }

    #[test]
    fn apk_02_whatever_was_changed_is_seen() {
        let key = format().generate().unwrap();
        let text = key.expose();
        let swapped: String = text
            .chars()
            .map(|c| {
                if c.is_ascii_lowercase() {
                    c.to_ascii_uppercase()
                } else {
                    c
                }
            })
            .collect();
        let mut reordered = text.as_bytes().to_vec();
        reordered[20..].rotate_left(1);
        for (bad, why) in [
            (text[..text.len() - 1].to_owned(), MalformedKey::Length),
            (format!("{text}0"), MalformedKey::Length),
            (String::new(), MalformedKey::Prefix),
            (text.replace("sk_", "pk_"), MalformedKey::Prefix),
            (text.replace("live", "test"), MalformedKey::Prefix),
            (swapped, MalformedKey::Prefix),
            (format!(" {text}"), MalformedKey::Prefix),
        ] {
            assert_eq!(format().parse(bad.as_bytes()), Err(why), "{bad}");
        }
        if reordered != text.as_bytes() {
            assert_eq!(format().parse(&reordered), Err(MalformedKey::Checksum));
        }
        // A right checksum over wrong letters is still no key.
        let mut forged = format!("sk_live_{}", "-".repeat(40));
        let checksum = base62::checksum_letters(crc32fast::hash(forged.as_bytes()));
        forged.extend(checksum.map(char::from));
        assert_eq!(
            format().parse(forged.as_bytes()),
            Err(MalformedKey::Alphabet)
        );
    }

    #[test]
    fn apk_02_a_key_of_another_version_is_not_one_of_this() {
        for length in (CHECKSUM_LEN..=128).filter(|length| *length != BODY_LEN) {
            // With a checksum of its own that is right.
            let other = format().with_checksum(&"a".repeat(length - CHECKSUM_LEN));
            let parsed = format().parse(other.as_bytes());
            assert_eq!(parsed, Err(MalformedKey::Length), "{length}");
        }
    }

    #[test]
    fn x_12_a_key_is_not_printed() {
        let key = format().generate().unwrap();
        assert_eq!(
            format!("{key:?}"),
            format!("ApiKey {{ id: {:?}, .. }}", key.id())
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>, tail in "[0-9A-Za-z]{40,50}") {
            let _ = format().parse(&bytes);
            let _ = format().parse(format!("sk_live_{tail}").as_bytes());
        }

        #[test]
        fn one_changed_letter_is_always_seen(index in 8_usize..54, letter in "[0-9A-Za-z]") {
            let key = format().generate().unwrap();
            let mut text = key.expose().as_bytes().to_vec();
            let letter = letter.as_bytes()[0];
            prop_assume!(text[index] != letter);
            text[index] = letter;
            prop_assert_eq!(format().parse(&text), Err(MalformedKey::Checksum));
        }

        #[test]
        fn ids_read_back(text in "[0-9A-Za-z]{12}") {
            prop_assert_eq!(text.parse::<KeyId>().unwrap().to_string(), text);
        }
    }
}
