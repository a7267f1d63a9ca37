//! Answers that are remembered for a short while: [`Remembered`].

mod limits;
mod questions;

use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use auth_layer::AuthError;
use futures_util::FutureExt as _;
use quick_cache::sync::Cache;

pub(crate) use self::limits::Limits;
use self::limits::Moment;
use self::questions::{Question, Questions};
use crate::{Lookup, OwnerDigest};

/// The answers to questions by `K`, each of them asked once by all who ask at the same time.
///
/// What is not there has a place of its own, so that it drives out nothing that is. A question that is
/// under way when something is forgotten is not remembered, and nobody joins it any more.
pub(crate) struct Remembered<K, T> {
    known: Cache<K, Answer<Owned<T>>>,
    unknown: Cache<K, Answer<()>>,
    /// Taken to keep an answer, to forget one and to join a question; never to read an answer.
    questions: Mutex<Questions<K, Option<Owned<T>>>>,
    limits: Limits,
}

/// What was found, and whose it is.
#[derive(Clone)]
pub(crate) struct Owned<T> {
    pub(crate) owner: OwnerDigest,
    pub(crate) found: T,
}

#[derive(Clone)]
struct Answer<T> {
    answer: T,
    asked_at: Moment,
}

impl<K, T> Remembered<K, T>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            known: Cache::new(limits.capacity),
            unknown: Cache::new(limits.capacity),
            questions: Mutex::default(),
            limits,
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits.clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    fn questions(&self) -> MutexGuard<'_, Questions<K, Option<Owned<T>>>> {
        // Nothing in there panics half-way.
        self.questions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer, if it is remembered.
    pub(crate) fn now(&self, key: &K) -> Lookup<T> {
        if let Some(answer) = self.known.get(key)
            && self.limits.is_good(&answer.asked_at)
        {
            return Lookup::Found(answer.answer.found);
        }
        match self.unknown.get(key) {
            Some(answer) if self.limits.is_good(&answer.asked_at) => Lookup::Missing,
            _ => Lookup::Wait,
        }
    }

    /// The answer: one that is remembered, one that somebody is waiting for, or that of `ask`.
    pub(crate) async fn ask<F>(
        self: &Arc<Self>,
        key: &K,
        ask: impl FnOnce() -> F,
    ) -> Result<Option<T>, AuthError>
    where
        F: Future<Output = Result<Option<Owned<T>>, AuthError>> + Send + 'static,
    {
        let question = match self.question(key, ask) {
            Ok(question) => question,
            Err(remembered) => return Ok(remembered),
        };
        Ok(question.await?.map(|owned| owned.found))
    }

    fn question<F>(
        self: &Arc<Self>,
        key: &K,
        ask: impl FnOnce() -> F,
    ) -> Result<Question<Option<Owned<T>>>, Option<T>>
    where
        F: Future<Output = Result<Option<Owned<T>>, AuthError>> + Send + 'static,
    {
        let mut questions = self.questions();
        // It may have been answered since the caller looked.
        match self.now(key) {
            Lookup::Found(found) => return Err(Some(found)),
            Lookup::Missing => return Err(None),
            Lookup::Wait => {}
        }
        // What a store that hangs says in the end is as old as the question.
        if let Some((asked, asked_at)) = questions.get(key)
            && self.limits.is_good(&asked_at)
        {
            return Ok(asked);
        }
        let (number, asked_at) = (questions.number(), self.limits.now());
        let (remembered, asked, question) = (Arc::clone(self), key.clone(), ask());
        let question = async move {
            let answer = question.await;
            remembered.learn(asked, number, &answer, asked_at);
            answer
        };
        let question = question.boxed().shared();
        questions.insert(key.clone(), number, asked_at, &question);
        Ok(question)
    }

    fn learn(
        &self,
        key: K,
        number: u64,
        answer: &Result<Option<Owned<T>>, AuthError>,
        asked_at: Moment,
    ) {
        let mut questions = self.questions();
        if !questions.answered(&key, number) {
            return;
        }
        match answer {
            Ok(Some(owned)) => {
                let answer = owned.clone();
                self.unknown.remove(&key);
                self.known.insert(key, Answer { answer, asked_at });
            }
            Ok(None) => {
                let answer = ();
                self.known.remove(&key);
                self.unknown.insert(key, Answer { answer, asked_at });
            }
            Err(_) => {}
        }
    }

    pub(crate) fn forget(&self, key: &K) {
        let mut questions = self.questions();
        questions.forget(key);
        self.known.remove(key);
        self.unknown.remove(key);
    }

    /// Forgets what is an owner's, and all of which it is not known whose it is.
    pub(crate) fn forget_owned_by(&self, owner: &OwnerDigest) {
        let mut questions = self.questions();
        questions.forget_all();
        self.known.retain(|_, answer| answer.answer.owner != *owner);
        self.unknown.clear();
    }

    pub(crate) fn forget_all(&self) {
        let mut questions = self.questions();
        questions.forget_all();
        self.known.clear();
        self.unknown.clear();
    }
}
