//! Numbers and texts as bytes.

use super::DecodeRecordError;

/// A number below 128 as one byte, a greater one as more (LEB128).
pub(super) fn put_number(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(low_bits(number) | 0x80);
        number >>= 7;
    }
    to.push(low_bits(number));
}

fn low_bits(number: u64) -> u8 {
    number.to_le_bytes()[0] & 0x7f
}

pub(super) fn put_length(to: &mut Vec<u8>, length: usize) {
    put_number(to, length as u64);
}

pub(super) fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    put_length(to, bytes.len());
    to.extend_from_slice(bytes);
}

pub(super) fn put_text(to: &mut Vec<u8>, text: &str) {
    put_bytes(to, text.as_bytes());
}

pub(super) fn put_texts<'a>(to: &mut Vec<u8>, texts: impl ExactSizeIterator<Item = &'a str>) {
    put_length(to, texts.len());
    for text in texts {
        put_text(to, text);
    }
}

/// How far `number` is from `base`, so that what is near on either side is small.
pub(super) fn difference(number: u64, base: u64) -> u64 {
    let difference = number.wrapping_sub(base).cast_signed();
    ((difference << 1) ^ (difference >> 63)).cast_unsigned()
}

/// Reads what the functions above have written.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeRecordError> {
        let (array, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(DecodeRecordError::Malformed)?;
        self.rest = rest;
        Ok(*array)
    }

    pub(super) fn number(&mut self) -> Result<u64, DecodeRecordError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            if (bits << shift) >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(DecodeRecordError::Malformed)
    }

    /// The number whose [`difference`] from `base` comes next.
    pub(super) fn moment(&mut self, base: u64) -> Result<u64, DecodeRecordError> {
        let number = self.number()?;
        let difference = (number >> 1) ^ (number & 1).wrapping_neg();
        Ok(base.wrapping_add(difference))
    }

    /// How many things follow, each of which takes at least one byte.
    pub(super) fn length(&mut self) -> Result<usize, DecodeRecordError> {
        let length = usize::try_from(self.number()?).ok();
        length
            .filter(|length| *length <= self.rest.len())
            .ok_or(DecodeRecordError::Malformed)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], DecodeRecordError> {
        let length = self.length()?;
        let (bytes, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, DecodeRecordError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| DecodeRecordError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(number: u64, base: u64) {
            let mut written = Vec::new();
            put_number(&mut written, number);
            put_number(&mut written, difference(number, base));
            let mut reader = Reader::new(&written);
            prop_assert_eq!(reader.number().unwrap(), number);
            prop_assert_eq!(reader.moment(base).unwrap(), number);
            prop_assert!(reader.number().is_err());
        }
    }

    #[test]
    fn numbers_that_are_too_large_are_refused() {
        for bytes in [&[0xff; 10][..], &[0x80; 11], &[0x80]] {
            assert!(Reader::new(bytes).number().is_err(), "{bytes:?}");
        }
    }
}
