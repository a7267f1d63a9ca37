//! Texts that are short most of the time.

/// A text of which the usual lengths need no heap.
#[derive(Clone)]
pub(super) enum ShortText {
    Inline { len: u8, bytes: [u8; Self::INLINE] },
    Heap(Box<str>),
}

impl ShortText {
    const INLINE: usize = 22;

    pub(super) fn new(text: &str) -> Self {
        let mut bytes = [0; Self::INLINE];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(start), Ok(len)) => {
                start.copy_from_slice(text.as_bytes());
                Self::Inline { len, bytes }
            }
            _ => Self::Heap(text.into()),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            // Only whole texts are put here, so it is one.
            Self::Inline { len, bytes } => {
                let bytes = bytes.get(..usize::from(*len)).unwrap_or_default();
                std::str::from_utf8(bytes).unwrap_or_default()
            }
            Self::Heap(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_reads_back(text in ".{0,40}", letters in "[a-z]{21,23}") {
            for text in [text, letters] {
                let short = ShortText::new(&text);
                prop_assert_eq!(short.as_str(), &text);
            }
        }
    }
}
