//! Roles that are shared.

use std::sync::Arc;

/// The roles of a principal, in the order in which they were given.
///
/// Cheap to clone: a clone shares them. A store that keeps the roles of a principal gives them to
/// every [`Identity`](crate::Identity) that it makes without copying a text.
///
/// ```
/// use auth_layer::{Identity, Roles};
///
/// let roles: Roles = ["editor", "auditor"].into_iter().collect();
/// let identity = Identity::builder("api-key", "robot").shared_roles(roles.clone()).build();
/// assert!(identity.has_role("editor"));
/// assert!(!roles.contains("Editor"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Roles {
    // No roles have no heap.
    roles: Option<Arc<[Box<str>]>>,
}

impl Roles {
    /// No roles.
    #[must_use]
    pub const fn new() -> Self {
        Self { roles: None }
    }

    /// Whether this role, exactly, is among them.
    pub fn contains(&self, role: &str) -> bool {
        self.as_slice().iter().any(|own| **own == *role)
    }

    /// The roles.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.as_slice().iter().map(AsRef::as_ref)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.roles.is_none()
    }

    fn as_slice(&self) -> &[Box<str>] {
        self.roles.as_deref().unwrap_or_default()
    }
}

impl<R: Into<Box<str>>> FromIterator<R> for Roles {
    fn from_iter<I: IntoIterator<Item = R>>(roles: I) -> Self {
        let roles: Arc<[Box<str>]> = roles.into_iter().map(Into::into).collect();
        Self {
            roles: (!roles.is_empty()).then_some(roles),
        }
    }
}

impl<R: Into<Box<str>>> Extend<R> for Roles {
    fn extend<I: IntoIterator<Item = R>>(&mut self, roles: I) {
        let mut roles = roles.into_iter().map(Into::into).peekable();
        if roles.peek().is_some() {
            *self = self.as_slice().iter().cloned().chain(roles).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_keep_their_order_and_clones_are_independent() {
        let first: Roles = ["b", "a"].into_iter().collect();
        let mut second = first.clone();
        second.extend(["c"]);
        second.extend(Vec::<String>::new());
        assert_eq!(first.iter().collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(second.iter().collect::<Vec<_>>(), ["b", "a", "c"]);
        assert_eq!((first.len(), second.len()), (2, 3));
        assert!(second.contains("c") && !first.contains("c") && !first.contains("A"));
    }

    #[test]
    fn no_roles_are_equal_however_they_were_made() {
        let none: Roles = Vec::<String>::new().into_iter().collect();
        let mut extended = Roles::new();
        extended.extend(Vec::<String>::new());
        assert_eq!(none, Roles::new());
        assert_eq!(extended, Roles::default());
        assert_eq!(none.len(), 0);
        assert!(none.is_empty() && !none.contains(""));
    }
}
