//! A place in a list.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use crate::{KeyId, KeyRecord};

/// A place in a list of keys: the end of one page, from which the next goes on.
///
/// Its text is for clients to hand back, and means nothing else to them.
///
/// ```
/// use apikey_layer::KeyCursor;
///
/// let cursor: KeyCursor = "8Zk2mWq4Lx0P".parse()?; // as it came in a query
/// assert_eq!(cursor.to_string(), "8Zk2mWq4Lx0P");
/// # Ok::<(), apikey_layer::InvalidKeyCursor>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCursor(KeyId);

impl KeyCursor {
    /// The place right behind this key.
    #[must_use]
    pub const fn after(record: &KeyRecord) -> Self {
        Self(*record.id())
    }

    /// The id behind which the page begins. There need be no such key.
    pub const fn id(&self) -> &KeyId {
        &self.0
    }
}

impl FromStr for KeyCursor {
    type Err = InvalidKeyCursor;

    fn from_str(text: &str) -> Result<Self, InvalidKeyCursor> {
        text.parse().map(Self).map_err(|_| InvalidKeyCursor(()))
    }
}

impl fmt::Display for KeyCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that is not a [`KeyCursor`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidKeyCursor(());

impl fmt::Display for InvalidKeyCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("that is no place in a list of keys")
    }
}

impl Error for InvalidKeyCursor {}
