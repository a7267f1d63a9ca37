//! Letters and digits: they survive URLs, shells and a double click.

use auth_layer::{AuthError, random_bytes};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// How many letters hold any `u32`.
pub(super) const CHECKSUM_LEN: usize = 6;

/// Letters drawn evenly.
pub(super) fn random_letters<const N: usize>() -> Result<[u8; N], AuthError> {
    // The largest multiple of 62 in a byte: what lies above would favour the first letters.
    const LIMIT: u8 = 248;

    let mut letters = [0; N];
    let mut filled = 0;
    while filled < N {
        let fair = random_bytes::<64>()?
            .into_iter()
            .filter(|byte| *byte < LIMIT);
        for byte in fair.take(N - filled) {
            letters[filled] = ALPHABET[usize::from(byte % 62)];
            filled += 1;
        }
    }
    Ok(letters)
}

/// A number in base 62, most significant digit first.
pub(super) fn checksum_letters(mut number: u32) -> [u8; CHECKSUM_LEN] {
    let mut letters = [0; CHECKSUM_LEN];
    for letter in letters.iter_mut().rev() {
        *letter = ALPHABET[(number % 62) as usize];
        number /= 62;
    }
    letters
}

pub(super) fn are_letters(bytes: &[u8]) -> bool {
    // Without a way out in the middle, so that many bytes are compared at once.
    let all = |all, byte: &u8| all & byte.is_ascii_alphanumeric();
    bytes.iter().fold(true, all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_form() {
        for (number, letters) in [
            (0, "000000"),
            (61, "00000z"),
            (62, "000010"),
            (u32::MAX, "4gfFC3"),
        ] {
            assert_eq!(checksum_letters(number), letters.as_bytes(), "{number}");
        }
    }

    #[test]
    fn random_letters_are_letters_and_differ() {
        let (first, second) = (
            random_letters::<100>().unwrap(),
            random_letters::<100>().unwrap(),
        );
        assert!(are_letters(&first));
        assert_ne!(first, second);
    }
}
