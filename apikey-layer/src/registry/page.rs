//! Pages of a list of keys, and the cursors between them.

use std::fmt;
use std::sync::{Arc, OnceLock};

use auth_layer::{
    AuthError, ConfigError, ExposeSecret as _, Identity, SealingKeys, UserKey, random_bytes,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::{KeyFormat, KeyId, KeyRecord};

const PURPOSE: &[u8] = b"apikey-layer list cursor";

/// The length of every cursor: 12 bytes, sealed, in base64.
const CURSOR_LEN: usize = ((KeyId::LEN + 41) * 4).div_ceil(3);

/// Some of somebody's keys.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyPage {
    /// In the order of their ids; revoked and expired ones too.
    pub keys: Vec<Arc<KeyRecord>>,
    /// Where the next page begins; `None` if this is the last.
    pub next: Option<KeyCursor>,
}

/// A place in a list of keys: the end of one page, from which the next goes on.
///
/// Its text, 71 letters, digits, `-` and `_`, is for clients to hand back, and means nothing else to
/// them. It is encrypted and authenticated for one owner and one registry.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyCursor(Box<str>);

impl KeyCursor {
    /// The text, for [`KeyRegistry::list`](crate::KeyRegistry::list).
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyCursor").field(&self.0).finish()
    }
}

/// Makes cursors and reads them. Clones share the keys.
#[derive(Clone)]
pub(super) struct Cursors {
    /// Empty until the first page that has a next one, unless keys were configured.
    keys: Arc<OnceLock<SealingKeys>>,
}

impl Cursors {
    /// With keys that are drawn when they are needed, and end with the process.
    pub(super) fn random() -> Self {
        Self {
            keys: Arc::default(),
        }
    }

    pub(super) fn with(keys: SealingKeys) -> Self {
        Self {
            keys: Arc::new(OnceLock::from(keys)),
        }
    }

    fn keys(&self) -> Result<&SealingKeys, AuthError> {
        if let Some(keys) = self.keys.get() {
            return Ok(keys);
        }
        let keys = SealingKeys::derive(&random_bytes::<32>()?, "api-key cursors");
        Ok(self.keys.get_or_init(|| keys))
    }

    /// The place right behind a key of `owner`.
    pub(super) fn after(
        &self,
        id: &KeyId,
        owner: &Identity,
        format: &KeyFormat,
    ) -> Result<KeyCursor, AuthError> {
        let owner = UserKey::from(owner);
        let context = [PURPOSE, format.head().as_bytes(), owner.as_bytes()];
        let sealed = self.keys()?.seal(&context, id.as_str().as_bytes())?;
        Ok(KeyCursor(URL_SAFE_NO_PAD.encode(sealed).into()))
    }

    /// The id behind which the page begins. What is not a cursor of ours and of this owner is one
    /// mistake, whatever is wrong with it.
    pub(super) fn read(
        &self,
        text: &str,
        owner: &Identity,
        format: &KeyFormat,
    ) -> Result<KeyId, ConfigError> {
        let owner = UserKey::from(owner);
        let context = [PURPOSE, format.head().as_bytes(), owner.as_bytes()];
        let opened = Some(text)
            .filter(|text| text.len() == CURSOR_LEN)
            .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
            // Without keys there has been no cursor yet.
            .and_then(|sealed| self.keys.get()?.open(&context, &sealed));
        opened
            .and_then(|id| std::str::from_utf8(id.expose_secret()).ok()?.parse().ok())
            .ok_or_else(|| ConfigError::new("cursor", "is not one of this list"))
    }
}
