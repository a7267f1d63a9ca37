//! Scopes with exact meaning (RFC 6749 section 3.3).

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A set of scopes.
///
/// Scopes are compared whole and byte for byte: `read` is neither `Read` nor `read:all`.
/// Reads the two forms in use, a space-separated string (RFC 6749) and an array of strings, and
/// writes the first. No `scope` at all means no scopes. Cheap to clone: a clone shares the scopes.
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
    // Sorted and without duplicates. Most sets are empty or small, and an empty one has no heap and
    // is always `None`.
    scopes: Option<Arc<[Box<str>]>>,
}

impl ScopeSet {
    /// No scopes.
    #[must_use]
    pub const fn new() -> Self {
        Self { scopes: None }
    }

    /// Whether this scope, exactly, is in the set.
    pub fn contains(&self, scope: &str) -> bool {
        self.find(scope).is_ok()
    }

    /// Whether every scope of `other` is in the set.
    pub fn is_superset(&self, other: &Self) -> bool {
        other.iter().all(|scope| self.contains(scope))
    }

    /// The scopes that are in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        if other.is_superset(self) {
            return self.clone();
        }
        let scopes = self.as_slice().iter();
        Self::from_sorted(scopes.filter(|scope| other.contains(scope)).cloned())
    }

    /// The scopes that are in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        if self.is_superset(other) {
            return self.clone();
        }
        let scopes = self.as_slice().iter().chain(other.as_slice());
        let sorted: BTreeSet<_> = scopes.cloned().collect();
        Self::from_sorted(sorted)
    }

    /// Adds a scope; false if it was there already.
    ///
    /// # Errors
    ///
    /// Refuses what RFC 6749 section 3.3 does not allow in a scope.
    pub fn insert(&mut self, scope: &str) -> Result<bool, InvalidScope> {
        check(scope)?;
        let Err(index) = self.find(scope) else {
            return Ok(false);
        };
        let (before, after) = self.as_slice().split_at(index);
        let scopes = before.iter().cloned().chain([scope.into()]);
        *self = Self::from_sorted(scopes.chain(after.iter().cloned()));
        Ok(true)
    }

    /// The scopes in alphabetical order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.as_slice().iter().map(AsRef::as_ref)
    }

    /// How many scopes there are.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.scopes.is_none()
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
        Ok(Self::from_sorted(sorted))
    }

    fn as_slice(&self) -> &[Box<str>] {
        self.scopes.as_deref().unwrap_or_default()
    }

    /// Where a scope is, or where it would be.
    fn find(&self, scope: &str) -> Result<usize, usize> {
        self.as_slice().binary_search_by(|own| (**own).cmp(scope))
    }

    fn from_sorted(scopes: impl IntoIterator<Item = Box<str>>) -> Self {
        let scopes: Arc<[Box<str>]> = scopes.into_iter().collect();
        Self {
            scopes: (!scopes.is_empty()).then_some(scopes),
        }
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
        for (index, scope) in self.iter().enumerate() {
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
        fn sets_are_sets(left in "[a-e ]{0,12}", right in "[a-e ]{0,12}", one in "[a-f]") {
            let (left, right): (ScopeSet, ScopeSet) = (left.parse().unwrap(), right.parse().unwrap());
            let model = |set: &ScopeSet| set.iter().map(str::to_owned).collect::<BTreeSet<_>>();
            let (a, b) = (model(&left), model(&right));
            let both = left.intersection(&right);
            let either = left.union(&right);
            prop_assert_eq!(model(&both), &a & &b);
            prop_assert_eq!(model(&either), &a | &b);
            prop_assert_eq!(both.is_empty(), both == ScopeSet::new());
            prop_assert_eq!(left.is_superset(&right), a.is_superset(&b));
            let mut more = left.clone();
            prop_assert_eq!(more.insert(&one).unwrap(), !a.contains(&one));
            prop_assert_eq!(model(&more), &a | &BTreeSet::from([one]));
            // The set that it was cloned from is as it was.
            prop_assert_eq!(model(&left), a);
        }

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
