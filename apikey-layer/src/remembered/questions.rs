//! The questions that are under way.

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::Pin;

use auth_layer::AuthError;
use futures_util::future::{Shared, WeakShared};

use super::limits::Moment;

/// One question, of all who ask it.
pub(super) type Question<T> = Shared<Pin<Box<dyn Future<Output = Result<T, AuthError>> + Send>>>;

type WeakQuestion<T> = WeakShared<Pin<Box<dyn Future<Output = Result<T, AuthError>> + Send>>>;

/// The questions that are under way and that nothing has made out of date.
pub(super) struct Questions<K, T> {
    asked: HashMap<K, Asked<T>>,
    /// The number of the next question.
    next: u64,
    /// With more than this, those are cleared away that nobody waits for any more.
    crowded: usize,
}

struct Asked<T> {
    number: u64,
    asked_at: Moment,
    /// Kept alive by those who wait.
    question: WeakQuestion<T>,
}

impl<K, T> Default for Questions<K, T> {
    fn default() -> Self {
        Self {
            asked: HashMap::new(),
            next: 0,
            crowded: 0,
        }
    }
}

impl<K: Eq + Hash, T: Clone> Questions<K, T> {
    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// The question for a key, and when it was asked.
    pub(super) fn get(&self, key: &K) -> Option<(Question<T>, Moment)> {
        let asked = self.asked.get(key)?;
        Some((asked.question.upgrade()?, asked.asked_at))
    }

    pub(super) fn insert(&mut self, key: K, number: u64, asked_at: Moment, question: &Question<T>) {
        if self.asked.len() > self.crowded {
            self.asked
                .retain(|_, asked| asked.question.upgrade().is_some());
            self.crowded = (2 * self.asked.len()).max(1_000);
        }
        if let Some(question) = question.downgrade() {
            let asked = Asked {
                number,
                asked_at,
                question,
            };
            self.asked.insert(key, asked);
        }
    }

    /// A question has its answer. False if it was made out of date meanwhile.
    pub(super) fn answered(&mut self, key: &K, number: u64) -> bool {
        let is_current = self
            .asked
            .get(key)
            .is_some_and(|asked| asked.number == number);
        if is_current {
            self.asked.remove(key);
        }
        is_current
    }

    /// Who waits gets the answer, but nobody joins them, and it is not remembered.
    pub(super) fn forget(&mut self, key: &K) {
        self.asked.remove(key);
    }

    pub(super) fn forget_all(&mut self) {
        self.asked.clear();
    }
}
