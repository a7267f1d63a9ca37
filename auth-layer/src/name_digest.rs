//! One key for a list of names of any length and any characters.

use sha2::{Digest as _, Sha256};

/// The SHA-256 of what `parts` name, for `purpose`. Another purpose, or other bounds between the
/// parts, is another digest.
pub(crate) fn name_digest<P: AsRef<[u8]>>(
    purpose: &str,
    parts: impl IntoIterator<Item = P>,
) -> [u8; 32] {
    fn add(hash: &mut Sha256, part: &[u8]) {
        // The length goes before, so that no two lists of parts are one text.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut hash = Sha256::new();
    add(&mut hash, purpose.as_bytes());
    for part in parts {
        add(&mut hash, part.as_ref());
    }
    hash.finalize().into()
}
