//! Ending keys that somebody has found.

use std::sync::Arc;

use auth_layer::{Event, EventKind, SecretDigest};

use super::{KeyError, KeyRegistry};
use crate::{ApiKeyStore as _, KeyRecord};

impl KeyRegistry {
    /// Revokes the key that somebody has found in public, and says which it was: whose owner is to be
    /// told. For the program itself; nobody's identity is asked for, because whoever has the whole key
    /// could use it, and ending it is the least that they can do.
    ///
    /// `None` if that ended nothing: the text is no key of this format, there is no such key, its secret
    /// is another one, or it was revoked before. Answer whoever reports it alike in all cases, or they
    /// learn which keys exist.
    ///
    /// The secret has to be a good one: the current one, or the one before it while their overlap lasts.
    /// A secret that is over ends nothing: nobody can use it, and the key that has replaced it did not
    /// leak. A key that is disabled or has expired is revoked all the same.
    ///
    /// ```
    /// use apikey_layer::{KeyError, KeyRegistry};
    ///
    /// async fn report(registry: &KeyRegistry, found: &str) -> Result<(), KeyError> {
    ///     if let Some(key) = registry.revoke_leaked(found).await? {
    ///         println!("tell {} that the key {} has leaked", key.owner().subject, key.id());
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`KeyError::Unavailable`] if the store cannot be asked or written to: the key may still be good,
    /// and should be reported again.
    pub async fn revoke_leaked(&self, key: &str) -> Result<Option<Arc<KeyRecord>>, KeyError> {
        let Ok(id) = self.format.parse(key.as_bytes()) else {
            return Ok(None);
        };
        let sent = SecretDigest::of(key);
        let found = self.store.find(&id).await.map_err(KeyError::Unavailable)?;
        let Some(record) = found else {
            return Ok(None);
        };
        let now = self.clock.now();
        // Digests are compared in constant time.
        let is_current = record.digest() == sent;
        let is_previous = record
            .previous()
            .is_some_and(|previous| previous.digest == sent && now < previous.valid_until);
        if !(is_current || is_previous) || record.revoked_at().is_some() {
            return Ok(None);
        }
        // If it is rotated between these two, its new secret ends, too: until then the leak was good.
        let revoked = self.store.revoke(&id, now).await;
        if !revoked.map_err(KeyError::Unavailable)? {
            return Ok(None);
        }
        self.events.record(
            &Event::new(EventKind::Revoked)
                .with_scheme("api-key")
                .with_reason("leaked")
                .with_claimed_subject(&record.owner().subject)
                .with_object_id(record.id().as_str()),
        );
        Ok(Some(record))
    }
}
