//! Server nonces: authentic, dated and unique, with nothing to remember until one is used.

use std::fmt;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::{AuthError, AuthErrorKind, random_bytes};

/// The random part of a nonce that this service made: what uses of the nonce are counted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NonceId([u8; 16]);

impl NonceId {
    /// An id from its bytes, for testing [`NonceCounters`](super::NonceCounters).
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, all of them random.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// A nonce that was found authentic and alive.
#[derive(Clone, Copy, Debug)]
pub(super) struct LiveNonce {
    pub(super) id: NonceId,
    pub(super) expires_at: SystemTime,
}

/// Makes nonces and knows its own.
///
/// A nonce is the base64url of `version ‖ milliseconds since 1970 ‖ random ‖ HMAC-SHA-256`. The MAC
/// also covers the realm, so that realms which share a key do not take each other's nonces.
pub(super) struct Nonces {
    /// Has seen the key, [`CONTEXT`] and the realm; what follows has one length.
    mac: Hmac<Sha256>,
    lifetime: Duration,
}

const CONTEXT: &[u8] = b"auth-layer digest nonce\0";
const VERSION: u8 = 1;
const HEAD: usize = 1 + 8 + 16;
const MAC: usize = 32;
const LEN: usize = HEAD + MAC;
/// A multiple of four, so that there are no unused bits in which two texts could differ.
const TEXT: usize = LEN / 3 * 4;

impl Nonces {
    pub(super) fn new(key: &[u8], realm: &str, lifetime: Duration) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
        mac.update(CONTEXT);
        mac.update(realm.as_bytes());
        Self { mac, lifetime }
    }

    pub(super) const fn lifetime(&self) -> Duration {
        self.lifetime
    }

    pub(super) fn make(&self, now: SystemTime) -> Result<String, AuthError> {
        let mut nonce = [0; LEN];
        nonce[0] = VERSION;
        nonce[1..9].copy_from_slice(&milliseconds(now).to_be_bytes());
        nonce[9..HEAD].copy_from_slice(&random_bytes::<16>()?);
        let (head, mac) = nonce.split_at_mut(HEAD);
        mac.copy_from_slice(&self.mac.clone().chain_update(head).finalize().into_bytes());
        Ok(BASE64_URL_SAFE_NO_PAD.encode(nonce))
    }

    /// Nonces from other keys and realms are [`Invalid`](AuthErrorKind::Invalid), old ones of this
    /// service's own are [`Stale`](AuthErrorKind::Stale).
    pub(super) fn check(&self, text: &str, now: SystemTime) -> Result<LiveNonce, AuthError> {
        let forged = || AuthError::invalid("nonce_forged");
        if text.len() != TEXT {
            return Err(forged());
        }
        let mut nonce = [0; LEN];
        BASE64_URL_SAFE_NO_PAD
            .decode_slice(text, &mut nonce)
            .map_err(|_| forged())?;
        let (head, mac) = nonce.split_at(HEAD);
        // In constant time.
        self.mac
            .clone()
            .chain_update(head)
            .verify_slice(mac)
            .map_err(|_| forged())?;

        let mut since_1970 = [0; 8];
        since_1970.copy_from_slice(&head[1..9]);
        let mut id = [0; 16];
        id.copy_from_slice(&head[9..]);
        let issued = SystemTime::UNIX_EPOCH
            .checked_add(Duration::from_millis(u64::from_be_bytes(since_1970)))
            .ok_or_else(forged)?;

        // A nonce from the future was made before a clock was set back, or on a node whose clock
        // is ahead; the latter is never by much.
        let age = now
            .duration_since(issued)
            .unwrap_or_else(|ahead| ahead.duration());
        let expires_at = issued.checked_add(self.lifetime).ok_or_else(forged)?;
        if head[0] != VERSION || age >= self.lifetime {
            return Err(AuthError::new(AuthErrorKind::Stale, "nonce_expired"));
        }
        Ok(LiveNonce {
            id: NonceId(id),
            expires_at,
        })
    }
}

/// Holds a key, so it shows the lifetime only.
impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonces")
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

/// Rounded down, so a nonce never lives longer than it should.
fn milliseconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: Duration = Duration::from_secs(300);

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn reason(nonces: &Nonces, text: &str, now: SystemTime) -> Result<(), &'static str> {
        match nonces.check(text, now) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.reason()),
        }
    }

    #[test]
    fn dig_01_a_nonce_lives_until_its_lifetime_is_over_and_no_longer() {
        let nonces = Nonces::new(&[7; 32], "realm", LIFETIME);
        let issued = at(1_000_000);
        let nonce = nonces.make(issued).unwrap();
        let tick = Duration::from_millis(1);
        for (now, expected) in [
            (issued, Ok(())),
            (issued + LIFETIME - tick, Ok(())),
            (issued + LIFETIME, Err("nonce_expired")),
            (issued + LIFETIME + tick, Err("nonce_expired")),
            (at(u64::MAX / 2 / 1_000_000_000), Err("nonce_expired")),
            // Clocks of other nodes may be a little behind; one that was set back may not.
            (issued - LIFETIME + tick, Ok(())),
            (issued - LIFETIME, Err("nonce_expired")),
            (SystemTime::UNIX_EPOCH, Err("nonce_expired")),
        ] {
            assert_eq!(reason(&nonces, &nonce, now), expected, "{now:?}");
        }
    }

    #[test]
    fn dig_01_no_changed_character_goes_unnoticed() {
        let nonces = Nonces::new(&[7; 32], "realm", LIFETIME);
        let nonce = nonces.make(at(5)).unwrap();
        for index in 0..nonce.len() {
            for replacement in ["A", "B", "_", "=", " ", "é"] {
                let mut forged = nonce.clone();
                forged.replace_range(index..=index, replacement);
                if forged != nonce {
                    assert_eq!(
                        reason(&nonces, &forged, at(5)),
                        Err("nonce_forged"),
                        "{forged}"
                    );
                }
            }
        }
        for forged in ["", &nonce[1..], &format!("{nonce}A"), &format!("{nonce}=")] {
            assert_eq!(
                reason(&nonces, forged, at(5)),
                Err("nonce_forged"),
                "{forged}"
            );
        }
    }

    #[test]
    fn dig_01_nonces_are_bound_to_key_and_realm() {
        let nonce = Nonces::new(&[7; 32], "realm", LIFETIME)
            .make(at(5))
            .unwrap();
        for (key, realm, expected) in [
            ([7; 32], "realm", Ok(())),
            ([8; 32], "realm", Err("nonce_forged")),
            ([7; 32], "realm2", Err("nonce_forged")),
            ([7; 32], "", Err("nonce_forged")),
        ] {
            let nonces = Nonces::new(&key, realm, LIFETIME);
            assert_eq!(reason(&nonces, &nonce, at(5)), expected, "{realm}");
        }
    }

    #[test]
    fn dig_01_no_two_nonces_are_alike() {
        let nonces = Nonces::new(&[7; 32], "realm", LIFETIME);
        let [one, two] = [0, 1].map(|_| nonces.make(at(5)).unwrap());
        assert_ne!(
            nonces.check(&one, at(5)).unwrap().id,
            nonces.check(&two, at(5)).unwrap().id
        );
    }
}
