//! Stored bcrypt hashes: `$2b$12$<salt><hash>`, and the same as `2a` and `2y`.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::password::error::HashError;
use crate::password::limits::HashLimits;

/// What bcrypt reads of a password. It ignores the rest, which is why we refuse it.
const KEY_LEN: usize = 72;

/// Bcrypt's own alphabet. Some writers leave the unused bits of a salt set, and readers ignore them.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::BCRYPT,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

#[derive(Debug)]
pub(super) struct BcryptHash {
    cost: u32,
    salt: [u8; 16],
    output: [u8; 23],
}

impl BcryptHash {
    pub(super) fn parse(hash: &str, limits: &HashLimits) -> Result<Self, HashError> {
        let malformed = || HashError::malformed("the bcrypt hash is malformed");
        let (cost, text) = hash
            .get(4..)
            .and_then(|rest| rest.split_once('$'))
            .filter(|(cost, text)| cost.len() == 2 && text.len() == 53 && text.is_ascii())
            .ok_or_else(malformed)?;
        let cost = cost
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| cost.parse::<u32>().ok())
            .flatten()
            .filter(|cost| (4..=31).contains(cost))
            .ok_or_else(malformed)?;
        if cost > limits.max_bcrypt_cost {
            return Err(HashError::exceeds_limits(
                "the bcrypt hash costs more than the limits allow",
            ));
        }

        let (salt, output) = text.split_at(22);
        Ok(Self {
            cost,
            salt: decode(salt).ok_or_else(malformed)?,
            output: decode(output).ok_or_else(malformed)?,
        })
    }

    /// Compares. Of several passwords that bcrypt takes for one, the shortest is it.
    pub(super) fn check(&self, password: &[u8]) -> bool {
        let key = key(password);
        let is_exact = key.is_some();
        let key = key.unwrap_or_else(|| repeat(b""));
        let output = Zeroizing::new(bcrypt::bcrypt(self.cost, self.salt, &*key));

        let is_same: bool = output[..23].ct_eq(&self.output).into();
        is_same & is_exact
    }

    #[cfg(test)]
    pub(super) fn work(&self) -> String {
        format!("bcrypt {}", self.cost)
    }
}

/// What bcrypt makes of a password: a NUL behind it, and then all over again, up to 72 bytes.
///
/// `None` if the password is longer, or if a shorter one has the same key, as `a` has that of
/// `a\0a`.
fn key(password: &[u8]) -> Option<Zeroizing<[u8; KEY_LEN]>> {
    if password.len() > KEY_LEN {
        return None;
    }
    let key = repeat(password);
    let ends = (0..password.len()).filter(|&index| password[index] == 0);
    let mut shorter = ends.map(|index| &password[..index]);
    (!shorter.any(|shorter| *repeat(shorter) == *key)).then_some(key)
}

fn repeat(password: &[u8]) -> Zeroizing<[u8; KEY_LEN]> {
    let mut key = Zeroizing::new([0; KEY_LEN]);
    let bytes = password.iter().chain(&[0]).cycle();
    key.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    key
}

fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    match BASE64.decode_slice(text, &mut bytes) {
        Ok(len) if len == N => Some(bytes),
        _ => None,
    }
}
