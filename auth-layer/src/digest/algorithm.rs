//! The hash algorithms of RFC 7616 and what comes out of them.

use std::fmt;

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

/// A hash algorithm of RFC 7616 section 6.1. The `-sess` variants are not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// `MD5`. Broken since 2004; offered only after
    /// [`insecure_allow_md5`](super::DigestBuilder::insecure_allow_md5).
    Md5,
    /// `SHA-256`, which every client of RFC 7616 knows.
    Sha256,
    /// `SHA-512-256`: SHA-512/256 of FIPS 180-4, not SHA-512 cut short (RFC erratum 4897).
    Sha512_256,
}

impl Algorithm {
    /// The name in `algorithm=`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
            Self::Sha512_256 => "SHA-512-256",
        }
    }

    /// The algorithm of that name, in any case; `None` for unknown ones and for `-sess`.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Md5, Self::Sha256, Self::Sha512_256]
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    const fn len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha256 | Self::Sha512_256 => MAX_LEN,
        }
    }

    /// Hashes `parts` with a colon between each two, as all of Digest is made.
    pub(super) fn digest(self, parts: &[&[u8]]) -> HashOutput {
        match self {
            Self::Md5 => HashOutput::of::<Md5>(self, parts),
            Self::Sha256 => HashOutput::of::<Sha256>(self, parts),
            Self::Sha512_256 => HashOutput::of::<Sha512_256>(self, parts),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const MAX_LEN: usize = 32;

/// What an [`Algorithm`] put out. Shorter outputs are followed by zeros.
#[derive(Clone)]
pub(super) struct HashOutput {
    algorithm: Algorithm,
    bytes: Zeroizing<[u8; MAX_LEN]>,
}

impl HashOutput {
    fn of<H: Digest>(algorithm: Algorithm, parts: &[&[u8]]) -> Self {
        let mut hasher = H::new();
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                hasher.update(b":");
            }
            hasher.update(part);
        }
        let mut bytes = Zeroizing::new([0; MAX_LEN]);
        bytes[..algorithm.len()].copy_from_slice(&hasher.finalize());
        Self { algorithm, bytes }
    }

    pub(super) fn from_bytes(algorithm: Algorithm, random: [u8; MAX_LEN]) -> Self {
        let mut bytes = Zeroizing::new(random);
        bytes[algorithm.len()..].fill(0);
        Self { algorithm, bytes }
    }

    /// Reads hexadecimal digits of either case; `None` if there are too few, too many or others.
    pub(super) fn from_hex(algorithm: Algorithm, hex: &str) -> Option<Self> {
        let digits = hex.as_bytes();
        if digits.len() != 2 * algorithm.len() {
            return None;
        }
        let mut bytes = Zeroizing::new([0; MAX_LEN]);
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = hex_pair(pair[0], pair[1])?;
        }
        Some(Self { algorithm, bytes })
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.algorithm.len()]
    }

    /// Lower-case digits, the only ones that Digest hashes.
    pub(super) fn to_hex(&self) -> Zeroizing<String> {
        // Room for all of it, so that no copy stays behind when it grows.
        let mut hex = Zeroizing::new(String::with_capacity(2 * MAX_LEN));
        for byte in self.as_bytes() {
            for nibble in [byte >> 4, byte & 15] {
                hex.push(char::from(
                    nibble + if nibble < 10 { b'0' } else { b'a' - 10 },
                ));
            }
        }
        hex
    }

    /// Compares in constant time. Which algorithm made them is no secret.
    pub(super) fn ct_eq(&self, other: &Self) -> Choice {
        Choice::from(u8::from(self.algorithm == other.algorithm)) & self.bytes.ct_eq(&*other.bytes)
    }
}

pub(super) fn hex_pair(high: u8, low: u8) -> Option<u8> {
    Some(hex_digit(high)? << 4 | hex_digit(low)?)
}

const fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_read_in_both_cases_and_written_in_lower_case() {
        let hash = Algorithm::Md5.digest(&[b"a", b"b"]);
        let hex = hash.to_hex();
        assert_eq!(*hex, "d8160c9b3dc20d4e931aeb4f45262155"); // md5("a:b")
        for text in [hex.to_string(), hex.to_uppercase()] {
            let read = HashOutput::from_hex(Algorithm::Md5, &text).unwrap();
            assert!(bool::from(read.ct_eq(&hash)), "{text}");
        }
    }

    #[test]
    fn hex_of_another_length_or_alphabet_is_refused() {
        let good = "0".repeat(64);
        assert!(HashOutput::from_hex(Algorithm::Sha256, &good).is_some());
        for bad in [
            "",
            &good[1..],
            &good[32..],
            &format!("{good}0"),
            &format!("g{}", &good[1..]),
            &format!("é{}", &good[2..]),
        ] {
            assert!(
                HashOutput::from_hex(Algorithm::Sha256, bad).is_none(),
                "{bad}"
            );
        }
    }

    #[test]
    fn outputs_of_different_algorithms_are_never_equal() {
        let zeros = |algorithm| HashOutput::from_bytes(algorithm, [0; MAX_LEN]);
        let sha256 = zeros(Algorithm::Sha256);
        assert!(!bool::from(sha256.ct_eq(&zeros(Algorithm::Sha512_256))));
        assert!(!bool::from(sha256.ct_eq(&zeros(Algorithm::Md5))));
        assert!(bool::from(sha256.ct_eq(&zeros(Algorithm::Sha256))));
    }

    #[test]
    fn names_are_found_in_any_case_and_sess_is_not_one() {
        assert_eq!(Algorithm::from_name("sha-256"), Some(Algorithm::Sha256));
        for name in ["MD5-sess", "SHA-256-sess", "SHA-512-256-sess", "SHA256", ""] {
            assert_eq!(Algorithm::from_name(name), None, "{name}");
        }
    }
}
