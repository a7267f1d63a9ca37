//! A store for examples and tests.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use auth_layer::AuthError;

use super::hash::PasswordHash;
use super::store::UserStore;
use super::user::UserRecord;

/// A [`UserStore`] in memory: for tests, examples and services with a fixed handful of users.
///
/// ```
/// use login::password::{MemoryUserStore, PasswordHasher, UserRecord};
///
/// # fn main() -> Result<(), login::password::HashError> {
/// let hash = PasswordHasher::new().hash("correct horse")?;
/// let store = MemoryUserStore::new();
/// store.insert("alice", UserRecord::new("user-17").with_password_hash(hash));
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct MemoryUserStore {
    users: Mutex<HashMap<Box<str>, UserRecord>>,
}

impl MemoryUserStore {
    /// A store without users.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a user, or replaces the one of that name, which is returned.
    pub fn insert(&self, username: impl Into<Box<str>>, user: UserRecord) -> Option<UserRecord> {
        self.lock().insert(username.into(), user)
    }

    /// Removes a user and returns it.
    pub fn remove(&self, username: &str) -> Option<UserRecord> {
        self.lock().remove(username)
    }

    /// The user of that name, as it is now.
    #[must_use]
    pub fn get(&self, username: &str) -> Option<UserRecord> {
        self.lock().get(username).cloned()
    }

    /// Changes a user, in one step that nobody sees half of. False if there is none of that name.
    ///
    /// ```
    /// use login::password::{MemoryUserStore, UserRecord};
    ///
    /// let store = MemoryUserStore::new();
    /// store.insert("alice", UserRecord::new("user-17"));
    /// assert!(store.update("alice", |user| user.is_disabled = true));
    /// assert!(!store.update("bob", |user| user.is_disabled = true));
    /// ```
    pub fn update(&self, username: &str, change: impl FnOnce(&mut UserRecord)) -> bool {
        self.lock().get_mut(username).map(change).is_some()
    }

    /// A panic in a closure of [`update`](Self::update) leaves a record that it had changed itself.
    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, UserRecord>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UserStore for MemoryUserStore {
    async fn find(&self, username: &str) -> Result<Option<UserRecord>, AuthError> {
        Ok(self.get(username))
    }

    async fn replace_hash(
        &self,
        subject: &str,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, AuthError> {
        let mut users = self.lock();
        let user = users
            .values_mut()
            .find(|user| *user.subject == *subject && user.password_hash.as_ref() == Some(old));
        Ok(match user {
            Some(user) => {
                user.password_hash = Some(new.clone());
                true
            }
            None => false,
        })
    }
}

impl fmt::Debug for MemoryUserStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryUserStore")
            .field("users", &self.lock().len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Barrier;
    use std::task::{Context, Poll, Waker};
    use std::thread;

    use super::*;

    /// Nothing in this store waits.
    fn now<F: Future>(future: F) -> F::Output {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("the memory store waits"),
        }
    }

    #[test]
    fn bas_07_of_many_replacements_one_wins() {
        const RIVALS: usize = 8;

        let old = PasswordHash::new("old");
        let new = |index: usize| PasswordHash::new(format!("new {index}"));
        for _ in 0..50 {
            let store = MemoryUserStore::new();
            store.insert(
                "alice",
                UserRecord::new("1").with_password_hash(old.clone()),
            );
            let start = Barrier::new(RIVALS);
            let won: Vec<bool> = thread::scope(|scope| {
                let rivals: Vec<_> = (0..RIVALS)
                    .map(|index| {
                        let (store, start, old) = (&store, &start, &old);
                        scope.spawn(move || {
                            start.wait();
                            now(store.replace_hash("1", old, &new(index))).unwrap()
                        })
                    })
                    .collect();
                rivals
                    .into_iter()
                    .map(|rival| rival.join().unwrap())
                    .collect()
            });
            assert_eq!(won.iter().filter(|won| **won).count(), 1);
            let winner = won.iter().position(|won| *won).unwrap();
            let found = now(store.find("alice")).unwrap().unwrap();
            assert_eq!(found.password_hash, Some(new(winner)));
        }
    }

    #[test]
    fn users_come_and_go() {
        let store = MemoryUserStore::new();
        assert!(store.insert("alice", UserRecord::new("1")).is_none());
        let hash = PasswordHash::new("x");
        assert!(!now(store.replace_hash("1", &hash, &hash)).unwrap());
        assert_eq!(&*store.remove("alice").unwrap().subject, "1");
        assert!(now(store.find("alice")).unwrap().is_none());
        assert!(!store.update("alice", |_| ()));
    }
}
