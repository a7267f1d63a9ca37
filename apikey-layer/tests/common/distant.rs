//! A store that takes its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use apikey_layer::{
    ApiKeyStore, DisabledBy, Inserted, KeyId, KeyRecord, MemoryApiKeys, Owner, Rotated, Rotation,
};
use auth_layer::AuthError;
use tokio::sync::{Semaphore, watch};

/// A store elsewhere: nothing is known without asking, and it can be slow or down.
#[derive(Clone)]
pub struct Distant {
    keys: Arc<MemoryApiKeys>,
    finds: Arc<AtomicUsize>,
    down: Arc<AtomicBool>,
    /// A question is answered, with what was so when it came, once there is a permit.
    answers: Arc<Semaphore>,
    waiting: watch::Sender<usize>,
    /// No revocation comes to an end.
    stuck: Arc<AtomicBool>,
}

impl Distant {
    pub fn new() -> Self {
        Self {
            keys: Arc::default(),
            finds: Arc::default(),
            down: Arc::default(),
            answers: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            waiting: watch::Sender::new(0),
            stuck: Arc::default(),
        }
    }

    pub fn finds(&self) -> usize {
        self.finds.load(Ordering::SeqCst)
    }

    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// What is in it.
    pub fn keys(&self) -> &MemoryApiKeys {
        &self.keys
    }

    pub fn hold(&self) {
        let all = self.answers.available_permits();
        self.answers.forget_permits(all);
    }

    /// From now on no revocation comes to an end.
    pub fn hold_changes(&self) {
        self.stuck.store(true, Ordering::SeqCst);
    }

    pub fn go_on(&self) {
        self.answers.add_permits(1_000);
    }

    pub async fn asked(&self, times: usize) {
        let mut waiting = self.waiting.subscribe();
        let come = waiting.wait_for(|count| *count >= times);
        let come = tokio::time::timeout(Duration::from_secs(20), come).await;
        come.expect("nobody asks").unwrap();
    }
}

impl ApiKeyStore for Distant {
    async fn find(&self, id: &KeyId) -> Result<Option<Arc<KeyRecord>>, AuthError> {
        self.finds.fetch_add(1, Ordering::SeqCst);
        let found = self.keys.find(id).await;
        self.waiting.send_modify(|count| *count += 1);
        self.answers.acquire().await.unwrap().forget();
        if self.down.load(Ordering::SeqCst) {
            return Err(AuthError::unavailable("down"));
        }
        found
    }

    async fn insert(&self, record: KeyRecord, limit: usize) -> Result<Inserted, AuthError> {
        self.keys.insert(record, limit).await
    }

    async fn rotate(&self, id: &KeyId, rotation: &Rotation) -> Result<Rotated, AuthError> {
        self.keys.rotate(id, rotation).await
    }

    async fn revoke(&self, id: &KeyId, at: SystemTime) -> Result<bool, AuthError> {
        if self.stuck.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.down.load(Ordering::SeqCst) {
            return Err(AuthError::unavailable("down"));
        }
        self.keys.revoke(id, at).await
    }

    async fn revoke_owned_by(&self, owner: &Owner, at: SystemTime) -> Result<usize, AuthError> {
        self.keys.revoke_owned_by(owner, at).await
    }

    async fn set_disabled(
        &self,
        id: &KeyId,
        by: DisabledBy,
        disabled: bool,
    ) -> Result<bool, AuthError> {
        self.keys.set_disabled(id, by, disabled).await
    }

    async fn touch(&self, uses: &[(KeyId, SystemTime)]) -> Result<(), AuthError> {
        self.keys.touch(uses).await
    }

    async fn list(
        &self,
        owner: &Owner,
        after: Option<&KeyId>,
        limit: usize,
    ) -> Result<Vec<Arc<KeyRecord>>, AuthError> {
        self.keys.list(owner, after, limit).await
    }
}
