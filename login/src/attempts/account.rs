//! Which spellings of a user name share a budget.

use unicode_normalization::UnicodeNormalization as _;

/// The longest user name that is looked at, in bytes. No store is asked for a longer one.
const MAX_LEN: usize = 512;

/// A user name as attempts are counted by it: without the space around it, in Unicode's
/// compatibility form, and without regard to case.
///
/// Only for counting. If a store takes spellings for one user, they have to share one budget, and
/// two users who share one lose little.
pub(super) fn folded(username: &str) -> String {
    let mut end = username.len().min(MAX_LEN);
    while !username.is_char_boundary(end) {
        end -= 1;
    }
    let compatible: String = username[..end].nfkc().collect();
    // There and back: it takes letters together that lower case alone does not, such as the two
    // forms of sigma, and ß and ss.
    let folded: String = compatible
        .chars()
        .flat_map(char::to_lowercase)
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .nfkc()
        .collect();
    folded.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn x_10_spellings_of_a_name_are_one() {
        for (spellings, name) in [
            (
                &[
                    "alice",
                    "Alice",
                    "ALICE",
                    " alice",
                    "alice\t\n",
                    "\u{3000}alice",
                ][..],
                "alice",
            ),
            (&["ａｌｉｃｅ", "ＡＬＩＣＥ", "𝒶𝓁𝒾𝒸ℯ", "ⓐⓛⓘⓒⓔ"], "alice"),
            (
                &["zo\u{e9}", "zoe\u{301}", "ZOE\u{301}", "ZO\u{c9}"],
                "zo\u{e9}",
            ),
            (
                &["a@example.com", "A＠Example.COM", "a@EXAMPLE.com\u{a0}"],
                "a@example.com",
            ),
            (&["οδος", "ΟΔΟΣ", "οδοσ"], "οδοσ"),
            (&["straße", "STRASSE", "ſtrasse", "STRAẞE"], "strasse"),
            (&["\u{212a}im", "Kim"], "kim"),
            (&["", " ", "\u{2003}"], ""),
        ] {
            for spelling in spellings {
                assert_eq!(folded(spelling), name, "{spelling:?}");
            }
        }
        assert_ne!(folded("alice"), folded("alicia"));
        assert_ne!(folded("al ice"), folded("alice"));
    }

    #[test]
    fn x_19_of_a_name_that_is_too_long_little_is_looked_at() {
        assert_eq!(folded(&"a".repeat(1_000_000)).len(), 512);
        // Each of these becomes eighteen characters.
        assert!(folded(&"\u{fdfa}".repeat(100_000)).len() < 10_000);
        assert_eq!(
            folded(&format!("a{}", "é".repeat(300))).chars().count(),
            256
        );
    }

    proptest! {
        #[test]
        fn space_around_a_name_makes_no_difference(name in "\\PC{0,60}") {
            prop_assert_eq!(folded(&format!(" {name}\t")), folded(&name));
        }

        #[test]
        fn case_makes_no_difference(name in "[a-zà-þα-ωа-я0-9@. ]{0,40}") {
            prop_assert_eq!(folded(&name.to_lowercase()), folded(&name.to_uppercase()));
        }
    }
}
