//! Stored PBKDF2 hashes (RFC 8018), in the three forms that are in use.
//!
//! - PHC strings: `$pbkdf2-sha256$i=600000,l=32$<salt>$<hash>`
//! - passlib's: `$pbkdf2-sha256$29000$<salt>$<hash>`, with `.` for `+`
//! - Django's: `pbkdf2_sha256$600000$<salt as text>$<hash>`

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::password::error::HashError;
use crate::password::limits::HashLimits;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What marks Django's form.
pub(super) const DJANGO: &str = "pbkdf2_sha256$";

#[derive(Clone, Copy, Debug)]
enum Digest {
    Sha256,
    Sha512,
}

#[derive(Debug)]
pub(super) struct Pbkdf2Hash {
    digest: Digest,
    iterations: u32,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Pbkdf2Hash {
    pub(super) fn parse(hash: &str, limits: &HashLimits) -> Result<Self, HashError> {
        let hash = read(hash).ok_or(HashError::malformed("the PBKDF2 hash is malformed"))?;
        if hash.iterations > limits.max_pbkdf2_iterations {
            return Err(HashError::exceeds_limits(
                "the PBKDF2 hash asks for more than the limits allow",
            ));
        }
        Ok(hash)
    }

    pub(super) fn check(&self, password: &[u8]) -> bool {
        let mut output = Zeroizing::new(vec![0; self.output.len()]);
        let derive = match self.digest {
            Digest::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>,
            Digest::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>,
        };
        derive(password, &self.salt, self.iterations, &mut output);
        output.ct_eq(&self.output).into()
    }

    #[cfg(test)]
    pub(super) fn work(&self) -> String {
        format!("pbkdf2 {:?} {}", self.digest, self.iterations)
    }
}

fn read(hash: &str) -> Option<Pbkdf2Hash> {
    let is_django = hash.starts_with(DJANGO);
    let mut fields = hash.strip_prefix('$').unwrap_or(hash).split('$');
    let digest = match fields.next()? {
        "pbkdf2-sha256" | "pbkdf2_sha256" => Digest::Sha256,
        "pbkdf2-sha512" => Digest::Sha512,
        _ => return None,
    };
    let (cost, salt, output) = (fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() {
        return None;
    }

    let (iterations, output_len) = read_cost(cost)?;
    let (salt, output) = if is_django {
        (salt.as_bytes().to_vec(), BASE64.decode(output).ok()?)
    } else {
        let decode = |text: &str| BASE64.decode(text.replace('.', "+")).ok();
        (decode(salt)?, decode(output)?)
    };
    let is_fine = iterations > 0
        && !salt.is_empty()
        && (16..=64).contains(&output.len())
        && output_len.is_none_or(|len| len == output.len());
    is_fine.then_some(Pbkdf2Hash {
        digest,
        iterations,
        salt,
        output,
    })
}

/// `i=600000,l=32`, in any order and with `l` left out, or `600000` alone.
fn read_cost(text: &str) -> Option<(u32, Option<usize>)> {
    if !text.contains('=') {
        return Some((read_number(text)?, None));
    }
    let (mut iterations, mut output_len) = (None, None);
    for pair in text.split(',') {
        let (name, value) = pair.split_once('=')?;
        let value = read_number(value)?;
        let was = match name {
            "i" => iterations.replace(value),
            "l" => output_len.replace(value),
            _ => return None,
        };
        if was.is_some() {
            return None;
        }
    }
    let output_len = match output_len {
        Some(len) => Some(usize::try_from(len).ok()?),
        None => None,
    };
    Some((iterations?, output_len))
}

fn read_number(text: &str) -> Option<u32> {
    // `parse` alone would take a sign.
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}
