//! Signing keys in the memory of one process.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use auth_layer::AuthError;

use super::SigningKeyStore;

/// A [`SigningKeyStore`] in memory: for one process, and gone with it. Clones share the documents.
///
/// After a restart there is another key, and no token from before is good any more.
#[derive(Clone, Default)]
pub struct MemorySigningKeys {
    documents: Arc<Mutex<Documents>>,
}

/// By the names of their rings.
type Documents = HashMap<Box<str>, Box<[u8]>>;

impl MemorySigningKeys {
    /// A store without a document.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn documents(&self) -> MutexGuard<'_, Documents> {
        self.documents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl SigningKeyStore for MemorySigningKeys {
    async fn load(&self, ring: &str) -> Result<Option<Vec<u8>>, AuthError> {
        Ok(self.documents().get(ring).map(|document| document.to_vec()))
    }

    async fn replace(
        &self,
        ring: &str,
        expected: Option<&[u8]>,
        document: &[u8],
    ) -> Result<bool, AuthError> {
        let mut documents = self.documents();
        let entry = documents.entry(ring.into());
        let found = match &entry {
            Entry::Occupied(found) => Some(&**found.get()),
            Entry::Vacant(_) => None,
        };
        let replaced = found == expected;
        if replaced {
            entry.insert_entry(document.into());
        }
        Ok(replaced)
    }
}

impl fmt::Debug for MemorySigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySigningKeys").finish_non_exhaustive()
    }
}
