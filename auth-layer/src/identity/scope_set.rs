//! Scopes with exact meaning (RFC 6749 section 3.3).

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::str::FromStr;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A set of scopes.
///
/// Scopes are compared whole and byte for byte: `read` is neither `Read` nor `read:all`.
/// Reads the two forms in use, a space-separated string (RFC 6749) and an array of strings, and
/// writes the first. No `scope` at all means no scopes.
///
/// ```
/// use auth_layer::ScopeSet;
///
/// let scopes: ScopeSet = "read:all write".parse()?;
/// assert!(scopes.contains("write"));
/// assert!(!scopes.contains("read"));
/// assert_eq!(serde_json::from_str::<ScopeSet>(r#"["write", "read:all"]"#)?, scopes);
/// assert_eq!(scopes.to_string(), "read:all write");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ScopeSet {
    // Sorted and without duplicates. Most sets are empty or small, and an empty one has no heap.
    scopes: Vec<Box<str>>,
}

impl ScopeSet {
    /// No scopes.
    #[must_use]
    pub const fn new() -> Self {
        Self { scopes: Vec::new() }
    }

    /// Whether this scope, exactly, is in the set.
    pub fn contains(&self, scope: &str) -> bool {
        self.scopes
            .binary_search_by(|own| (**own).cmp(scope))
            .is_ok()
    }

    /// Whether every scope of `other` is in the set.
    pub fn is_superset(&self, other: &Self) -> bool {
        other.iter().all(|scope| self.contains(scope))
    }

    /// The scopes that are in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self {
            scopes: self
                .scopes
                .iter()
                .filter(|scope| other.contains(scope))
                .cloned()
                .collect(),
        }
    }

    /// The scopes that are in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let sorted: BTreeSet<_> = self.scopes.iter().chain(&other.scopes).cloned().collect();
        Self {
            scopes: sorted.into_iter().collect(),
        }
    }

    /// Adds a scope; false if it was there already.
    ///
    /// # Errors
    ///
    /// Refuses what RFC 6749 section 3.3 does not allow in a scope.
    pub fn insert(&mut self, scope: &str) -> Result<bool, InvalidScope> {
        check(scope)?;
        Ok(
            match self.scopes.binary_search_by(|own| (**own).cmp(scope)) {
                Ok(_) => false,
                Err(index) => {
                    self.scopes.insert(index, scope.into());
                    true
                }
            },
        )
    }

    /// The scopes in alphabetical order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.scopes.iter().map(AsRef::as_ref)
    }

    /// How many scopes there are.
    pub fn len(&self) -> usize {
        self.scopes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.scopes.is_empty()
    }

    /// A set of the given scopes.
    ///
    /// # Errors
    ///
    /// Refuses what RFC 6749 section 3.3 does not allow in a scope.
    pub fn from_scopes<S: AsRef<str>>(
        scopes: impl IntoIterator<Item = S>,
    ) -> Result<Self, InvalidScope> {
        let mut sorted = BTreeSet::new();
        for scope in scopes {
            check(scope.as_ref())?;
            sorted.insert(Box::from(scope.as_ref()));
        }
        Ok(Self {
            scopes: sorted.into_iter().collect(),
        })
    }
}

impl FromStr for ScopeSet {
    type Err = InvalidScope;

    /// Reads `scope *( SP scope )`. Several spaces count as one, an empty text is no scopes.
    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        Self::from_scopes(text.split(' ').filter(|scope| !scope.is_empty()))
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.scopes.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope)?;
        }
        Ok(())
    }
}

impl Serialize for ScopeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ScopeSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = ScopeSet;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("scopes, as a space-separated string or an array of strings")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ScopeSet, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ScopeSet, A::Error> {
                let mut scopes = Vec::new();
                while let Some(scope) = seq.next_element::<String>()? {
                    scopes.push(scope);
                }
                ScopeSet::from_scopes(scopes).map_err(serde::de::Error::custom)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// A text that is not a scope of RFC 6749 section 3.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidScope(());

impl InvalidScope {
    pub(crate) const fn new() -> Self {
        Self(())
    }
}

impl fmt::Display for InvalidScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scope is printable ASCII without space, quote and backslash")
    }
}

impl Error for InvalidScope {}

/// `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )`
fn check(scope: &str) -> Result<(), InvalidScope> {
    let fine = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    if !scope.is_empty() && scope.bytes().all(fine) {
        Ok(())
    } else {
        Err(InvalidScope::new())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_forms_read_the_same() {
        for json in [
            r#""a b c""#,
            r#""  c  a b ""#,
            r#"["c", "b", "a"]"#,
            r#"["a", "a", "b", "c"]"#,
        ] {
            let scopes: ScopeSet = serde_json::from_str(json).unwrap();
            assert_eq!(scopes.to_string(), "a b c", "{json}");
        }
    }

    #[test]
    fn what_is_no_scope_is_refused() {
        for json in [
            r#""a\tb""#,
            r#""a\"b""#,
            r#""a\\b""#,
            r#""ä""#,
            r#"["a b"]"#,
            r#"[""]"#,
            r#"[1]"#,
            "1",
            "null",
            "true",
        ] {
            assert!(serde_json::from_str::<ScopeSet>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn names_match_whole_and_case_sensitive() {
        let scopes: ScopeSet = "read:all Write".parse().unwrap();
        for (scope, held) in [
            ("read:all", true),
            ("Write", true),
            ("read", false),
            ("read:al", false),
            ("read:all ", false),
            ("write", false),
            ("read:all Write", false),
            ("", false),
        ] {
            assert_eq!(scopes.contains(scope), held, "{scope:?}");
        }
    }

    proptest! {
        #[test]
        fn display_and_parse_agree(text in "[ -~]{0,60}") {
            if let Ok(scopes) = text.parse::<ScopeSet>() {
                prop_assert_eq!(&scopes.to_string().parse::<ScopeSet>().unwrap(), &scopes);
                for scope in text.split(' ').filter(|s| !s.is_empty()) {
                    prop_assert!(scopes.contains(scope));
                }
            }
        }
    }
}
