//! A store that remembers its answers for a short while: [`CachedApiKeys`].

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use auth_layer::{AuthError, ConfigError, SharedClock, check_duration};
use futures_util::FutureExt as _;
use futures_util::future::{Shared, WeakShared};
use quick_cache::sync::Cache;

use super::{ApiKeyStore, Inserted, KeyCursor, Lookup, Rotated, Rotation, SharedApiKeyStore};
use crate::{DisabledBy, KeyId, KeyRecord, Owner};

/// The longest that the contract of [`ApiKeyStore`] lets an answer be remembered.
const MAX_AGE: Duration = Duration::from_secs(60);

const DEFAULT_AGE: Duration = Duration::from_secs(5);

const DEFAULT_CAPACITY: usize = 10_000;

/// Remembers the answers of another store for a short while, so that a key that is used all the time
/// costs no trip, and neither does one that does not exist.
///
/// - What is changed through this value is seen by it at once. What is changed through another
///   process is seen after [`max_age`](Self::max_age) at the latest, 5 seconds by default: that is
///   how late a revocation may take effect there.
/// - Requests that ask for the same key at the same time share one question. Whoever goes away takes
///   nobody's answer with him, and a failure is an answer to all of them and is not remembered.
/// - It is bounded, and keys that do not exist have a place of their own: however many are tried,
///   they drive out no key that does.
///
/// Only what the [`ApiKeys`](crate::ApiKeys) scheme asks is remembered.
/// [`KeyRegistry`](crate::KeyRegistry) reads and writes the store itself; give both the same clone of
/// this value, or the scheme learns of changes only after the age.
///
/// ```
/// use apikey_layer::{ApiKeys, CachedApiKeys, KeyFormat, KeyRegistry, MemoryApiKeys};
///
/// let format = KeyFormat::live("sk")?;
/// let keys = CachedApiKeys::new(MemoryApiKeys::new()); // a database, of course
/// let registry = KeyRegistry::new(format.clone(), keys.clone());
/// let scheme = ApiKeys::danger_without_owners(format, keys);
/// # let _ = (registry, scheme);
/// # Ok::<(), auth_layer::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct CachedApiKeys {
    inner: Arc<Inner>,
}

struct Inner {
    store: SharedApiKeyStore,
    known: Cache<KeyId, Answer<Arc<KeyRecord>>>,
    unknown: Cache<KeyId, Answer<()>>,
    /// Taken to keep an answer, to forget one and to join a question; never to read an answer.
    questions: Mutex<Questions>,
    max_age: Duration,
    clock: SharedClock,
}

#[derive(Clone)]
struct Answer<T> {
    found: T,
    good_until: SystemTime,
}

type Found = Result<Option<Arc<KeyRecord>>, AuthError>;
type Question = Pin<Box<dyn Future<Output = Found> + Send>>;

#[derive(Default)]
struct Questions {
    /// How often something was changed: an answer from before a change is not kept after it.
    changes: u64,
    /// The questions that are being asked, each with its number and kept alive by those who wait.
    asked: HashMap<KeyId, (u64, WeakShared<Question>)>,
    /// The number of the next question.
    next: u64,
    /// With more than this, those are cleared away that nobody waits for any more.
    crowded: usize,
}

impl Questions {
    fn insert(&mut self, id: KeyId, number: u64, question: &Shared<Question>) {
        if self.asked.len() > self.crowded {
            self.asked.retain(|_, (_, asked)| asked.upgrade().is_some());
            self.crowded = (2 * self.asked.len()).max(1_000);
        }
        if let Some(asked) = question.downgrade() {
            self.asked.insert(id, (number, asked));
        }
    }

    fn remove(&mut self, id: &KeyId, number: u64) {
        if self.asked.get(id).is_some_and(|(own, _)| *own == number) {
            self.asked.remove(id);
        }
    }
}

impl CachedApiKeys {
    /// Remembers the answers of `store`, for 5 seconds; 10,000 keys, and as many that do not exist.
    #[must_use]
    pub fn new(store: impl ApiKeyStore) -> Self {
        Self::with(
            SharedApiKeyStore::new(store),
            DEFAULT_AGE,
            DEFAULT_CAPACITY,
            SharedClock::system(),
        )
    }

    fn with(
        store: SharedApiKeyStore,
        max_age: Duration,
        capacity: usize,
        clock: SharedClock,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                store,
                known: Cache::new(capacity),
                unknown: Cache::new(capacity),
                questions: Mutex::default(),
                max_age,
                clock,
            }),
        }
    }

    /// How old an answer may be, and so how late a change takes effect that was made by another
    /// process. What was remembered until now is forgotten.
    ///
    /// # Errors
    ///
    /// Refuses zero, and more than a minute.
    pub fn max_age(self, max_age: Duration) -> Result<Self, ConfigError> {
        let max_age = check_duration("max_age", max_age)?;
        if max_age > MAX_AGE {
            return Err(ConfigError::new("max_age", "must be at most a minute"));
        }
        let capacity = self.capacity_now();
        let Inner { store, clock, .. } = &*self.inner;
        Ok(Self::with(store.clone(), max_age, capacity, clock.clone()))
    }

    /// How many keys are remembered, and how many that do not exist. What was remembered until now
    /// is forgotten.
    ///
    /// # Errors
    ///
    /// Refuses zero, and more than ten million.
    pub fn capacity(self, keys: usize) -> Result<Self, ConfigError> {
        if !(1..=10_000_000).contains(&keys) {
            return Err(ConfigError::new("capacity", "must be 1 to 10,000,000"));
        }
        let Inner {
            store,
            max_age,
            clock,
            ..
        } = &*self.inner;
        Ok(Self::with(store.clone(), *max_age, keys, clock.clone()))
    }

    /// The clock that ages are told by. Default: the system's.
    #[must_use]
    pub fn clock(self, clock: impl Into<SharedClock>) -> Self {
        let capacity = self.capacity_now();
        let Inner { store, max_age, .. } = &*self.inner;
        Self::with(store.clone(), *max_age, capacity, clock.into())
    }

    fn capacity_now(&self) -> usize {
        usize::try_from(self.inner.known.capacity()).unwrap_or(DEFAULT_CAPACITY)
    }

    /// Forgets what was remembered of a key: for news that another process has changed it.
    pub fn forget(&self, id: &KeyId) {
        self.inner.forget(id);
    }

    /// Forgets everything, for example when news may have been missed.
    pub fn forget_all(&self) {
        self.inner.forget_all();
    }
}

impl<T> Answer<T> {
    /// A clock may be set back: nothing is good for longer than when it was learnt.
    fn is_good(&self, now: SystemTime, max_age: Duration) -> bool {
        now < self.good_until && self.good_until <= now + max_age
    }
}

impl Inner {
    fn questions(&self) -> MutexGuard<'_, Questions> {
        // Nothing in there panics half-way.
        self.questions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, id: &KeyId) {
        let mut questions = self.questions();
        questions.changes += 1;
        questions.asked.remove(id);
        self.known.remove(id);
        self.unknown.remove(id);
    }

    fn forget_all(&self) {
        let mut questions = self.questions();
        questions.changes += 1;
        questions.asked.clear();
        self.known.clear();
        self.unknown.clear();
    }

    fn forget_owned_by(&self, owner: &Owner) {
        let mut questions = self.questions();
        questions.changes += 1;
        questions.asked.clear();
        self.known.retain(|_, answer| answer.found.owner != *owner);
    }

    /// The question for a key: that which is being asked, or a new one.
    fn question(self: &Arc<Self>, id: KeyId) -> Shared<Question> {
        let mut questions = self.questions();
        let asked = questions.asked.get(&id);
        if let Some(asked) = asked.and_then(|(_, asked)| asked.upgrade()) {
            return asked;
        }
        let inner = Arc::clone(self);
        let (number, changes) = (questions.next, questions.changes);
        questions.next += 1;
        let question: Question = Box::pin(async move { inner.ask(id, number, changes).await });
        let question = question.shared();
        questions.insert(id, number, &question);
        question
    }

    async fn ask(&self, id: KeyId, number: u64, changes: u64) -> Found {
        let asked_at = self.clock.now();
        let found = self.store.find(&id).await;
        let mut questions = self.questions();
        questions.remove(&id, number);
        if questions.changes != changes {
            return found;
        }
        let good_until = asked_at + self.max_age;
        match &found {
            Ok(Some(record)) => {
                let found = Arc::clone(record);
                self.known.insert(id, Answer { found, good_until });
            }
            Ok(None) => {
                let answer = Answer {
                    found: (),
                    good_until,
                };
                self.unknown.insert(id, answer);
            }
            Err(_) => {}
        }
        found
    }
}

/// Forgets when it is dropped: at the end of a change, be it that nobody waited for the end.
struct Forget<'a, F: Fn(&Inner)> {
    inner: &'a Inner,
    what: F,
}

impl<F: Fn(&Inner)> Drop for Forget<'_, F> {
    fn drop(&mut self) {
        (self.what)(self.inner);
    }
}

impl CachedApiKeys {
    fn changing(&self, id: KeyId) -> Forget<'_, impl Fn(&Inner)> {
        Forget {
            inner: &self.inner,
            what: move |inner: &Inner| inner.forget(&id),
        }
    }
}

impl ApiKeyStore for CachedApiKeys {
    fn find_now(&self, id: &KeyId) -> Lookup {
        let Inner {
            known,
            unknown,
            max_age,
            ..
        } = &*self.inner;
        let now = self.inner.clock.now();
        if let Some(answer) = known.get(id)
            && answer.is_good(now, *max_age)
        {
            return Lookup::Found(answer.found);
        }
        if unknown
            .get(id)
            .is_some_and(|answer| answer.is_good(now, *max_age))
        {
            return Lookup::Missing;
        }
        self.inner.store.find_now(id)
    }

    async fn find(&self, id: &KeyId) -> Result<Option<Arc<KeyRecord>>, AuthError> {
        self.inner.store.find(id).await
    }

    async fn find_recent(&self, id: &KeyId) -> Result<Option<Arc<KeyRecord>>, AuthError> {
        self.inner.question(*id).await
    }

    async fn insert(&self, record: KeyRecord, limit: usize) -> Result<Inserted, AuthError> {
        let _forget = self.changing(record.id);
        self.inner.store.insert(record, limit).await
    }

    async fn rotate(&self, id: &KeyId, rotation: &Rotation) -> Result<Rotated, AuthError> {
        let _forget = self.changing(*id);
        self.inner.store.rotate(id, rotation).await
    }

    async fn revoke(&self, id: &KeyId, at: SystemTime) -> Result<bool, AuthError> {
        let _forget = self.changing(*id);
        self.inner.store.revoke(id, at).await
    }

    async fn revoke_owned_by(&self, owner: &Owner, at: SystemTime) -> Result<usize, AuthError> {
        let _forget = Forget {
            inner: &self.inner,
            what: |inner: &Inner| inner.forget_owned_by(owner),
        };
        self.inner.store.revoke_owned_by(owner, at).await
    }

    async fn set_disabled(
        &self,
        id: &KeyId,
        by: DisabledBy,
        disabled: bool,
    ) -> Result<bool, AuthError> {
        let _forget = self.changing(*id);
        self.inner.store.set_disabled(id, by, disabled).await
    }

    async fn list(
        &self,
        owner: &Owner,
        after: Option<&KeyCursor>,
        limit: usize,
    ) -> Result<Vec<Arc<KeyRecord>>, AuthError> {
        self.inner.store.list(owner, after, limit).await
    }
}

impl From<CachedApiKeys> for SharedApiKeyStore {
    fn from(store: CachedApiKeys) -> Self {
        Self::new(store)
    }
}

impl fmt::Debug for CachedApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedApiKeys")
            .field("max_age", &self.inner.max_age)
            .field("known", &self.inner.known.len())
            .finish_non_exhaustive()
    }
}
