//! Nonces that the server supplies (RFC 9449 section 8): authentic and dated, with nothing to
//! remember.

use std::fmt;
use std::time::{Duration, SystemTime};

use auth_layer::{ConfigError, Origin, check_duration, from_unix_seconds, unix_seconds};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Makes nonces and knows its own.
///
/// A nonce is the base64url of `version ‖ seconds since 1970 ‖ HMAC-SHA-256`. All nodes with one key
/// give out the same one for a quarter of its life, and take each other's.
#[derive(Clone)]
pub(super) struct Nonces {
    /// Has seen the key, [`CONTEXT`] and the origin.
    mac: Hmac<Sha256>,
    lifetime: Duration,
}

const CONTEXT: &[u8] = b"jwt-layer DPoP nonce\0";
const VERSION: [u8; 2] = [0, 1];
const HEAD: usize = 2 + 8;
/// A multiple of three, so that there are no unused bits in which two texts could differ.
const LEN: usize = HEAD + 32;
const TEXT: usize = LEN / 3 * 4;

impl Nonces {
    pub(super) fn new(
        key: &[u8],
        origin: &Origin,
        lifetime: Duration,
    ) -> Result<Self, ConfigError> {
        if key.len() < 32 {
            return Err(ConfigError::new(
                "nonces",
                "need a key of at least 32 bytes",
            ));
        }
        check_duration("nonces", lifetime)?;
        if lifetime < Duration::from_secs(20) || lifetime > Duration::from_secs(60 * 60) {
            return Err(ConfigError::new(
                "nonces",
                "must live 20 seconds to an hour",
            ));
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(key)
            .map_err(|_| ConfigError::new("nonces", "have an unusable key"))?;
        mac.update(CONTEXT);
        mac.update(origin.to_string().as_bytes());
        Ok(Self { mac, lifetime })
    }

    /// The nonce to use now. It lives for at least three quarters of the lifetime.
    pub(super) fn current(&self, now: SystemTime) -> String {
        let step = self.lifetime.as_secs() / 4;
        let date = unix_seconds(now) / step * step;
        let mut nonce = [0; LEN];
        nonce[..2].copy_from_slice(&VERSION);
        nonce[2..HEAD].copy_from_slice(&date.to_be_bytes());
        let mac = self.mac.clone().chain_update(&nonce[..HEAD]).finalize();
        nonce[HEAD..].copy_from_slice(&mac.into_bytes());
        URL_SAFE_NO_PAD.encode(nonce)
    }

    /// Whether `text` is one of ours and lives.
    pub(super) fn are(&self, text: &str, now: SystemTime) -> bool {
        self.end_of(text, now).is_some()
    }

    /// Until when `text` is good; `None` if it is not one of ours or has ended.
    fn end_of(&self, text: &str, now: SystemTime) -> Option<SystemTime> {
        if text.len() != TEXT {
            return None;
        }
        let mut nonce = [0; LEN];
        URL_SAFE_NO_PAD.decode_slice(text, &mut nonce).ok()?;
        let (head, mac) = nonce.split_at(HEAD);
        // In constant time.
        self.mac.clone().chain_update(head).verify_slice(mac).ok()?;
        if head[..2] != VERSION {
            return None;
        }
        let mut date = [0; 8];
        date.copy_from_slice(&head[2..]);
        let date = from_unix_seconds(u64::from_be_bytes(date))?;
        let end = date.checked_add(self.lifetime)?;
        // The clock of the node that made it may be ahead, but never by as much as it lives.
        let not_before = date.checked_sub(self.lifetime)?;
        (not_before < now && now < end).then_some(end)
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

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: Duration = Duration::from_secs(300);

    fn at(seconds: u64) -> SystemTime {
        from_unix_seconds(seconds).unwrap()
    }

    fn nonces(key: u8, origin: &str) -> Nonces {
        Nonces::new(&[key; 32], &origin.parse().unwrap(), LIFETIME).unwrap()
    }

    #[test]
    fn dpo_04_a_nonce_is_known_by_all_nodes_until_it_ends() {
        let (one, other) = (nonces(7, "https://a"), nonces(7, "https://a"));
        let issued = at(1_500_000);
        let nonce = one.current(issued);
        assert_eq!(other.current(at(1_500_074)), nonce);
        assert_ne!(other.current(at(1_500_075)), nonce);
        let end = issued + LIFETIME;
        for (now, good) in [
            (issued, true),
            (end - Duration::from_millis(1), true),
            (end, false),
            (at(u64::MAX >> 1), false),
            (issued - Duration::from_secs(299), true),
            (issued - LIFETIME, false),
            (at(0), false),
        ] {
            assert_eq!(other.end_of(&nonce, now), good.then_some(end), "{now:?}");
        }
    }

    #[test]
    fn dpo_04_forged_nonces_are_not_known() {
        let ours = nonces(7, "https://a");
        let nonce = ours.current(at(1_500_000));
        for other in [nonces(8, "https://a"), nonces(7, "https://b")] {
            assert_eq!(other.end_of(&nonce, at(1_500_000)), None);
        }
        for index in 0..nonce.len() {
            for replacement in ["A", "B", "_", "=", "é"] {
                let mut forged = nonce.clone();
                forged.replace_range(index..=index, replacement);
                let is_same = forged == nonce;
                let known = ours.end_of(&forged, at(1_500_000)).is_some();
                assert_eq!(known, is_same, "{forged}");
            }
        }
        for forged in ["", &nonce[1..], &format!("{nonce}A")] {
            assert_eq!(ours.end_of(forged, at(1_500_000)), None);
        }
    }

    #[test]
    fn keys_and_lifetimes_that_cannot_be_meant_are_refused() {
        let origin = "https://a".parse().unwrap();
        for (key, seconds) in [(31, 300), (32, 0), (32, 19), (32, 3601), (32, u64::MAX)] {
            let built = Nonces::new(&vec![7; key], &origin, Duration::from_secs(seconds));
            assert_eq!(built.unwrap_err().option(), "nonces");
        }
    }
}
