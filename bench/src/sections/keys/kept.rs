//! The keys, and the store that holds them.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use apikey_layer::{
    ApiKeyStore as _, Inserted, KeyFormat, KeyOwners, KeyRecord, Lookup, MemoryApiKeys, Owner,
    OwnerAuthority,
};
use auth_layer::{AuthError, ScopeSet, SecretDigest};
use tokio::runtime::Runtime;

/// How many keys each owner has.
const EACH: usize = 10;

/// Whose the first key is.
pub(super) const FIRST_OWNER: &str = "user-0000000";

const SCOPES: [&str; 2] = ["reports:read", "reports:write"];
const ROLE: &str = "member";

thread_local! {
    /// Of the largest store that was filled so far.
    static BYTES: Cell<Option<(usize, f64)>> = const { Cell::new(None) };
}

/// How many keys the largest store of this run holds, and what each of them takes.
pub(crate) fn bytes() -> Option<(usize, f64)> {
    BYTES.get()
}

/// The form of every key here.
pub(super) fn format() -> KeyFormat {
    KeyFormat::live("sk").expect("a prefix")
}

/// A store, and what is in it.
pub(super) struct Kept {
    pub(super) store: Arc<MemoryApiKeys>,
    pub(super) texts: Rc<[String]>,
    /// Of each key.
    pub(super) digests: Vec<SecretDigest>,
    /// The subject of each key's owner.
    pub(super) owners: Vec<String>,
}

impl Kept {
    /// A store with so many keys.
    pub(super) fn new(runtime: &Runtime, count: usize) -> Self {
        let keys: Vec<_> = (0..count)
            .map(|_| format().generate().expect("randomness"))
            .collect();
        let owners: Vec<_> = (0..count)
            .map(|number| format!("user-{:07}", number / EACH))
            .collect();
        let created_at = SystemTime::now() - Duration::from_secs(3600);

        let store = Arc::new(MemoryApiKeys::new());
        let before = crate::live_bytes();
        runtime.block_on(async {
            for (number, (key, owner)) in keys.iter().zip(&owners).enumerate() {
                let owner = Owner::new(owner.as_str());
                let record = KeyRecord::new(*key.id(), key.digest(), owner, created_at)
                    .with_name(format!("deployment {number:05}"))
                    .with_scopes(ScopeSet::from_scopes(SCOPES).expect("scopes"))
                    .with_roles([ROLE]);
                let inserted = store.insert(record, EACH).await;
                assert_eq!(inserted.expect("memory"), Inserted::Done);
            }
        });
        let each = (crate::live_bytes() - before) as f64 / count as f64;
        if BYTES.get().is_none_or(|(largest, _)| largest <= count) {
            BYTES.set(Some((count, each)));
        }

        Self {
            store,
            texts: keys.iter().map(|key| key.expose().to_owned()).collect(),
            digests: keys.iter().map(|key| key.digest()).collect(),
            owners,
        }
    }
}

/// What every owner may do: more than their keys.
pub(super) struct Table {
    owners: HashMap<String, OwnerAuthority>,
}

impl Table {
    pub(super) fn of(kept: &Kept) -> Self {
        let scopes = SCOPES.into_iter().chain(["reports:delete"]);
        let scopes = ScopeSet::from_scopes(scopes).expect("scopes");
        let authority = OwnerAuthority::new(scopes, [ROLE, "admin"]);
        let owners = kept.owners.iter();
        Self {
            owners: owners
                .map(|owner| (owner.clone(), authority.clone()))
                .collect(),
        }
    }
}

impl KeyOwners for Table {
    fn authority_now(&self, owner: &Owner) -> Lookup<OwnerAuthority> {
        let found = self.owners.get(&owner.subject).cloned();
        found.map_or(Lookup::Missing, Lookup::Found)
    }

    async fn authority(&self, owner: &Owner) -> Result<Option<OwnerAuthority>, AuthError> {
        Ok(self.owners.get(&owner.subject).cloned())
    }
}
