//! Key material in one normal form, whatever form it came in.

use auth_layer::{ConfigError, ExposeSecret, SecretSlice};
use jsonwebtoken::EncodingKey;
use sha2::{Digest, Sha256};

use crate::Algorithm;
use crate::algorithm::Family;

/// A curve of ECDSA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// The one curve that `algorithm` may use.
    pub(crate) fn of(algorithm: Algorithm) -> Option<Self> {
        match algorithm {
            Algorithm::Es256 => Some(Self::P256),
            Algorithm::Es384 => Some(Self::P384),
            Algorithm::Es512 => Some(Self::P521),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::P256, Self::P384, Self::P521]
            .into_iter()
            .find(|curve| curve.name() == name)
    }

    /// The length of one coordinate.
    pub(crate) fn coordinate_len(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// What verifies. Only [`Symmetric`](Self::Symmetric) is secret.
#[derive(Clone)]
pub(crate) enum PublicMaterial {
    /// An uncompressed point: 4, x, y.
    Ec {
        curve: Curve,
        point: Vec<u8>,
    },
    Ed {
        x: Vec<u8>,
    },
    /// Modulus and exponent, big-endian without leading zeros.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    Symmetric(SecretSlice<u8>),
}

/// What signs.
#[cfg_attr(
    not(any(feature = "aws-lc", feature = "rust-crypto")),
    expect(dead_code, reason = "without a backend nothing reads it")
)]
pub(crate) enum PrivateMaterial {
    /// PKCS#8.
    Ec(SecretSlice<u8>),
    /// PKCS#8.
    Ed(SecretSlice<u8>),
    /// PKCS#1 `RSAPrivateKey`.
    Rsa(SecretSlice<u8>),
    Symmetric(SecretSlice<u8>),
}

impl PrivateMaterial {
    /// A private key in PEM: PKCS#8, or PKCS#1 for RSA.
    pub(crate) fn from_pem(algorithm: Algorithm, pem: &str) -> Result<Self, ConfigError> {
        let pem = pem.as_bytes();
        let key = match algorithm.family() {
            Family::Ec => EncodingKey::from_ec_pem(pem),
            Family::Ed => EncodingKey::from_ed_pem(pem),
            Family::Rsa => EncodingKey::from_rsa_pem(pem),
            Family::Hmac => {
                return Err(refused(format!(
                    "is in PEM, and {algorithm} takes a secret"
                )));
            }
        };
        let key = key.map_err(|_| refused(format!("is not a PEM private key for {algorithm}")))?;
        let secret = SecretSlice::from(key.as_bytes().to_vec());
        Ok(Self::from_bytes(algorithm, secret))
    }

    /// What [`into_bytes`](Self::into_bytes) made of a key for `algorithm`.
    pub(crate) fn from_bytes(algorithm: Algorithm, bytes: SecretSlice<u8>) -> Self {
        match algorithm.family() {
            Family::Ec => Self::Ec(bytes),
            Family::Ed => Self::Ed(bytes),
            Family::Rsa => Self::Rsa(bytes),
            Family::Hmac => Self::Symmetric(bytes),
        }
    }

    #[cfg(feature = "key-ring")]
    pub(crate) fn into_bytes(self) -> SecretSlice<u8> {
        match self {
            Self::Ec(bytes) | Self::Ed(bytes) | Self::Rsa(bytes) | Self::Symmetric(bytes) => bytes,
        }
    }
}

impl PublicMaterial {
    /// Tells keys apart. Never shown: for a secret it would be something to guess against.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let (kind, parts): (&str, [&[u8]; 2]) = match self {
            Self::Ec { curve, point } => (curve.name(), [point, &[]]),
            Self::Ed { x } => ("Ed25519", [x, &[]]),
            Self::Rsa { n, e } => ("RSA", [n, e]),
            Self::Symmetric(secret) => ("oct", [secret.expose_secret(), &[]]),
        };
        let mut digest = Sha256::new_with_prefix(kind);
        for part in parts {
            // No two keys come to the same text.
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }

    /// Refuses keys that do not fit `algorithm` or are too weak for it.
    ///
    /// That a point lies on its curve is left to the backend.
    pub(crate) fn check(&self, algorithm: Algorithm) -> Result<(), ConfigError> {
        let fits = match (self, algorithm.family()) {
            (Self::Ec { curve, point }, Family::Ec) => {
                if Curve::of(algorithm) != Some(*curve) {
                    return Err(refused(format!(
                        "is a {} key, which {algorithm} does not use",
                        curve.name()
                    )));
                }
                point.len() == 1 + 2 * curve.coordinate_len() && point[0] == 4
            }
            (Self::Ed { x }, Family::Ed) => {
                if is_of_small_order(x) {
                    return Err(refused("is an Ed25519 key of small order"));
                }
                x.len() == 32
            }
            (Self::Rsa { n, e }, Family::Rsa) => return check_rsa(n, e),
            (Self::Symmetric(secret), Family::Hmac) => return check_secret(secret, algorithm),
            _ => return Err(refused(format!("is not a key for {algorithm}"))),
        };
        if fits {
            Ok(())
        } else {
            Err(refused(format!("has the wrong length for {algorithm}")))
        }
    }
}

pub(crate) fn refused(problem: impl Into<String>) -> ConfigError {
    ConfigError::new("key", problem)
}

fn check_secret(secret: &SecretSlice<u8>, algorithm: Algorithm) -> Result<(), ConfigError> {
    let needed = algorithm.hash_len();
    if secret.expose_secret().len() < needed {
        return Err(ConfigError::new(
            "secret",
            format!("must have at least {needed} bytes for {algorithm} (RFC 7518 section 3.2)"),
        ));
    }
    Ok(())
}

fn check_rsa(n: &[u8], e: &[u8]) -> Result<(), ConfigError> {
    let bits = n.len() * 8 - n.first().map_or(0, |byte| byte.leading_zeros() as usize);
    if !(2048..=8192).contains(&bits) {
        return Err(refused(format!(
            "is an RSA key of {bits} bits; 2048 to 8192 are accepted"
        )));
    }
    let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
    let canonical = |number: &[u8]| number.first().is_some_and(|byte| *byte != 0);
    let too_small = e.len() == 1 && e[0] < 3;
    if !odd(n) || !odd(e) || !canonical(n) || !canonical(e) || too_small || e.len() > 4 {
        return Err(refused(
            "is an RSA key with an impossible modulus or exponent",
        ));
    }
    if has_roca_form(n) {
        return Err(refused(
            "is an RSA key of the weak form of CVE-2017-15361 (ROCA)",
        ));
    }
    Ok(())
}

/// Whether a key is one of the eight points whose order divides eight, in any encoding. Under such a
/// key one signature, made by anybody, is good for many messages, and under one of them for all.
///
/// The sign of the x coordinate is left out of the comparison, as libsodium does in
/// `ge25519_has_small_order`, which has the same list.
fn is_of_small_order(key: &[u8]) -> bool {
    let Some((last, rest)) = key.split_last() else {
        return false;
    };
    SMALL_ORDER
        .iter()
        .any(|point| *rest == point[..31] && last & 0x7f == point[31])
}

/// Their y coordinates, little-endian; `p` is 2^255 - 19.
const SMALL_ORDER: [[u8; 32]; 7] = [
    ends_of(0, 0, 0),          // 0: order 4
    ends_of(1, 0, 0),          // 1: order 1, the neutral element
    ends_of(0xec, 0xff, 0x7f), // p - 1: order 2
    ends_of(0xed, 0xff, 0x7f), // p: 0 once more
    ends_of(0xee, 0xff, 0x7f), // p + 1: 1 once more
    // Order 8.
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

const fn ends_of(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

/// Whether a modulus has the form that Infineon's key generator gave it: a power of 65537 modulo
/// each of many small primes. One in 2^27 good moduli has it by chance.
fn has_roca_form(n: &[u8]) -> bool {
    const PRIMES: [u32; 17] = [
        11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
    ];

    PRIMES.into_iter().all(|prime| {
        let rest = n
            .iter()
            .fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
        let powers = std::iter::successors(Some(1), |power| Some(power * (65537 % prime) % prime));
        powers.take(prime as usize).any(|power| power == rest)
    })
}
