//! Keys made from names, and the locks that go with them.

use auth_layer::SecretDigest;

/// A key of one length for names of any length and any characters. Presence and length come first,
/// so that no two lists of names give the same key.
pub(crate) fn key_of(kind: &str, names: &[Option<&str>]) -> [u8; 32] {
    let mut text = Vec::with_capacity(128);
    for name in std::iter::once(Some(kind)).chain(names.iter().copied()) {
        text.push(u8::from(name.is_some()));
        let name = name.unwrap_or_default();
        text.extend_from_slice(&(name.len() as u64).to_be_bytes());
        text.extend_from_slice(name.as_bytes());
    }
    *SecretDigest::of(text).as_bytes()
}

/// The number of an advisory lock. Two keys that share one wait for each other, and nothing worse.
pub(crate) fn lock_of(kind: &str, key: &[u8]) -> i64 {
    let mut text = format!("sql-store {kind} ").into_bytes();
    text.extend_from_slice(key);
    let digest = SecretDigest::of(text);
    let mut number = [0; 8];
    number.copy_from_slice(&digest.as_bytes()[..8]);
    i64::from_be_bytes(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_joined_in_another_way_have_another_key() {
        let keys = [
            key_of("k", &[None, Some("ab")]),
            key_of("k", &[Some("a"), Some("b")]),
            key_of("k", &[Some("ab"), None]),
            key_of("k", &[Some(""), Some("ab")]),
            key_of("ka", &[Some("b"), None]),
            key_of("k", &[Some("ab")]),
        ];
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{index}");
        }
        assert_ne!(lock_of("users", b"a"), lock_of("owners", b"a"));
    }
}
