//! The little DER that is needed: an RSA public key, and wrapping raw private keys.

use auth_layer::ConfigError;
#[cfg(all(feature = "rust-crypto", any(test, not(feature = "aws-lc"))))]
use auth_layer::SecretSlice;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Modulus and exponent of a PKCS#1 `RSAPublicKey ::= SEQUENCE { n INTEGER, e INTEGER }`, without
/// leading zeros.
pub(crate) fn rsa_public_key(der: &[u8]) -> Result<(Vec<u8>, Vec<u8>), ConfigError> {
    let read = || {
        let (sequence, rest) = element(der, 0x30)?;
        let (n, after) = element(sequence, 0x02)?;
        let (e, end) = element(after, 0x02)?;
        (rest.is_empty() && end.is_empty()).then(|| (unsigned(n), unsigned(e)))
    };
    read().ok_or_else(|| ConfigError::new("key", "is not an RSA public key"))
}

/// The content of the element with this tag at the start of `input`, and what follows it.
fn element(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if found != tag {
        return None;
    }
    let (len, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 | 0x82 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x0f))?;
            let len = bytes
                .iter()
                .fold(0, |len, byte| len << 8 | usize::from(*byte));
            (len, rest)
        }
        // Longer than any key.
        _ => return None,
    };
    rest.split_at_checked(len)
}

fn unsigned(integer: &[u8]) -> Vec<u8> {
    let zeros = integer.iter().take_while(|byte| **byte == 0).count();
    integer[zeros..].to_vec()
}

pub(crate) fn to_pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

/// PKCS#8 around a scalar of P-256, without the public key.
#[cfg(all(feature = "rust-crypto", any(test, not(feature = "aws-lc"))))]
pub(crate) fn p256_pkcs8(scalar: &[u8]) -> SecretSlice<u8> {
    const HEAD: [u8; 35] = [
        0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
        0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x27, 0x30, 0x25,
        0x02, 0x01, 0x01, 0x04, 0x20,
    ];
    SecretSlice::from([&HEAD, scalar].concat())
}

/// PKCS#8 around a scalar of P-384, without the public key.
#[cfg(all(feature = "rust-crypto", any(test, not(feature = "aws-lc"))))]
pub(crate) fn p384_pkcs8(scalar: &[u8]) -> SecretSlice<u8> {
    const HEAD: [u8; 32] = [
        0x30, 0x4e, 0x02, 0x01, 0x00, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
        0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x04, 0x37, 0x30, 0x35, 0x02, 0x01, 0x01,
        0x04, 0x30,
    ];
    SecretSlice::from([&HEAD, scalar].concat())
}

/// PKCS#8 around an Ed25519 seed.
#[cfg(all(feature = "rust-crypto", any(test, not(feature = "aws-lc"))))]
pub(crate) fn ed25519_pkcs8(seed: &[u8]) -> SecretSlice<u8> {
    const HEAD: [u8; 16] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    SecretSlice::from([&HEAD, seed].concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_rsa_key_is_read_and_its_neighbours_are_not() {
        let good = [0x30, 0x07, 0x02, 0x02, 0x00, 0x81, 0x02, 0x01, 0x03];
        assert_eq!(rsa_public_key(&good).unwrap(), (vec![0x81], vec![3]));
        for bad in [
            &good[..8],
            &[0x30, 0x07, 0x02, 0x02, 0x00, 0x81, 0x02, 0x01, 0x03, 0x00],
            &[0x30, 0x00],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[],
        ] {
            assert!(rsa_public_key(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = rsa_public_key(&bytes);
        }
    }
}
