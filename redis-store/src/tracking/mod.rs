//! The connection over which Redis says what has changed (`CLIENT TRACKING`), for all that is kept in
//! memory.

mod lease;
mod source;

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use auth_layer::random_bytes;
use futures_util::future::{Either, select};
use rand::RngExt as _;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, PushInfo, PushKind, RedisError, RedisResult, Value, cmd,
};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

pub(crate) use self::lease::Lease;
pub(crate) use self::source::Source;
use crate::keys::{Prefix, key, text};
use crate::link::Link;

/// How often the connection is asked whether it lives, and how long it may take to answer. Together
/// they are the most by which an answer from memory can be old.
const HEARTBEAT: Duration = Duration::from_millis(500);
const ANSWER: Duration = Duration::from_millis(500);

/// The pauses between tries to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// What is kept in memory of what is in Redis, as long as the connection brings news of it.
pub(crate) trait Kept: Send + Sync + 'static {
    /// What it is called in the log.
    const NAME: &'static str;

    fn lease(&self) -> &Lease;

    /// Forgets everything.
    fn clear(&self);

    /// Hears what Redis says: which keys have changed, or, without any, that all have.
    fn hear(&self, push: &PushInfo);

    /// The command that lets Redis say it; `probe` is what keys begin with by which that is tried.
    fn track(&self, probe: &str) -> Cmd;

    /// What there is to do over the connection while it lives. If it ends, so does the use of the
    /// connection; it may be dropped at any point.
    fn work(self: Arc<Self>, connection: MultiplexedConnection) -> impl Future<Output = ()> + Send {
        drop(connection);
        std::future::pending()
    }

    fn turn_on(&self, connection: u64, epoch: u64, lease: Instant) {
        self.lease()
            .begin(connection, epoch, lease, || self.clear());
    }

    fn extend(&self, connection: u64, lease: Instant) -> bool {
        self.lease().extend(connection, lease)
    }

    fn turn_off(&self, connection: u64) {
        self.lease().end(connection, || self.clear());
    }
}

pub(crate) struct Tracking<K: Kept>(Arc<Inner<K>>);

impl<K: Kept> Clone for Tracking<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Inner<K> {
    source: Source,
    link: Link,
    kept: Arc<K>,
    /// What the keys begin with by which it is checked that this is the pool's Redis.
    probes: Box<str>,
    now: Mutex<Option<Connected>>,
    is_running: AtomicBool,
    /// Something is wrong with the connection.
    in_doubt: Arc<Notify>,
}

#[derive(Clone)]
struct Connected {
    connection: MultiplexedConnection,
    number: u64,
    /// The epoch of the link in which both led to the same server.
    epoch: u64,
}

impl<K: Kept> Tracking<K> {
    pub(crate) fn new(source: Source, link: Link, kept: Arc<K>, prefix: &Prefix) -> Self {
        Self(Arc::new(Inner {
            source,
            link,
            kept,
            probes: prefix.of("probe").into(),
            now: Mutex::default(),
            is_running: AtomicBool::new(false),
            in_doubt: Arc::new(Notify::new()),
        }))
    }

    /// Asks over the connection; `None` if there is none, or it does not answer.
    pub(crate) async fn send(&self, command: Cmd) -> Option<Value> {
        let Some(mut now) = self.0.now() else {
            self.run();
            return None;
        };
        if !self.0.is_compared(&now) {
            self.0.doubt(now.number);
            return None;
        }
        let answer = timeout(ANSWER, now.connection.send_packed_command(&command)).await;
        match answer {
            // Had the link been given another server meanwhile, this might be the wrong one's.
            Ok(Ok(answer)) if self.0.is_compared(&now) => answer.extract_error().ok(),
            _ => {
                self.0.doubt(now.number);
                None
            }
        }
    }

    /// Begins to connect, if nobody has, and if there is a runtime.
    pub(crate) fn run(&self) {
        if self.0.is_running.load(Ordering::Acquire) {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if !self.0.is_running.swap(true, Ordering::AcqRel) {
            let task = Task(Arc::downgrade(&self.0));
            runtime.spawn(task.run());
        }
    }
}

impl<K: Kept> Inner<K> {
    fn now(&self) -> Option<Connected> {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.clone()
    }

    fn set(&self, connected: Option<Connected>) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = connected;
    }

    /// Whether the link still has the connection that was found to lead to the same server.
    fn is_compared(&self, connected: &Connected) -> bool {
        self.link.epoch().now() == connected.epoch
    }

    fn doubt(&self, number: u64) {
        self.kept.turn_off(number);
        self.in_doubt.notify_one();
    }

    /// Connects, lets Redis track what is read, and checks that the news arrives.
    async fn connect(&self) -> RedisResult<Connected> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);

        let random = random_bytes::<32>()
            .map_err(|_| RedisError::from((ErrorKind::Client, "no randomness")))?;
        let probe = key(&self.probes, &text(&random));
        let heard = Arc::new(Notify::new());
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(ANSWER))
            .set_response_timeout(Some(ANSWER))
            .set_push_sender(self.listener(number, probe.clone(), Arc::clone(&heard)));
        let client = self.source.client().await?;
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        connection
            .send_packed_command(&self.kept.track(&self.probes))
            .await?
            .extract_error()?;

        // A key that is written through the pool is seen here, and so is its change.
        self.through_pool(&probe, Cmd::pset_ex(&probe, "1", 60_000))
            .await?;
        let seen = connection.send_packed_command(&Cmd::get(&probe)).await?;
        if seen != Value::BulkString(b"1".to_vec()) {
            return Err(other_redis());
        }
        // If this is still the epoch when the news is there, it was the link's connection that it is about.
        let epoch = self.link.epoch().now();
        self.through_pool(&probe, Cmd::del(&probe)).await?;
        if timeout(ANSWER, heard.notified()).await.is_err() {
            return Err(RedisError::from((
                ErrorKind::Client,
                "no news of changes arrives",
            )));
        }
        Ok(Connected {
            connection,
            number,
            epoch,
        })
    }

    async fn through_pool(&self, probe: &[u8], command: Cmd) -> RedisResult<()> {
        let sent = self.link.send(probe, command).await;
        sent.map_err(|error| RedisError::from(std::io::Error::other(error)))?;
        Ok(())
    }

    /// Hears what comes in, in the order in which it does, before the answers behind it.
    fn listener(
        &self,
        number: u64,
        probe: Vec<u8>,
        heard: Arc<Notify>,
    ) -> impl Fn(PushInfo) -> Result<(), ()> + Send + Sync + 'static {
        let (kept, in_doubt) = (Arc::clone(&self.kept), Arc::clone(&self.in_doubt));
        move |push: PushInfo| {
            match &push.kind {
                PushKind::Disconnection => {
                    kept.turn_off(number);
                    in_doubt.notify_one();
                }
                PushKind::Invalidate => {
                    if is_about(&push, &probe) {
                        heard.notify_one();
                    }
                    kept.hear(&push);
                }
                _ => {}
            }
            Ok(())
        }
    }
}

fn is_about(push: &PushInfo, probe: &[u8]) -> bool {
    let is_probe = |key: &Value| matches!(key, Value::BulkString(key) if key == probe);
    matches!(push.data.first(), Some(Value::Array(keys)) if keys.iter().any(is_probe))
}

#[cold]
fn other_redis() -> RedisError {
    RedisError::from((
        ErrorKind::InvalidClientConfig,
        "the client has another server or database than the pool",
    ))
}

/// Why nothing is kept, unless that is what was said last. Without an error it took too long.
fn say_once(name: &str, said: &mut Option<String>, error: Option<RedisError>) {
    let is_wrong = (error.as_ref()).is_some_and(|it| it.kind() == ErrorKind::InvalidClientConfig);
    let reason = error.map_or_else(
        || "connecting takes too long".to_owned(),
        |error| error.to_string(),
    );
    if said.as_deref() == Some(&*reason) {
        return;
    }
    if is_wrong {
        tracing::error!(error = %reason, "the {name} stays off");
    } else {
        tracing::debug!(error = %reason, "no {name}");
    }
    *said = Some(reason);
}

/// Connects, asks whether the connection lives, and connects again; until nobody has what is kept any
/// more.
struct Task<K: Kept>(Weak<Inner<K>>);

impl<K: Kept> Task<K> {
    async fn run(self) {
        let mut pause = FIRST_PAUSE;
        // What was logged last: while it stays the same, it is not said again.
        let mut said = None;
        while let Some(inner) = self.0.upgrade() {
            let connected = timeout(4 * ANSWER, inner.connect()).await;
            match connected {
                Ok(Ok(connected)) => {
                    pause = FIRST_PAUSE;
                    let number = connected.number;
                    said = None;
                    drop(inner);
                    self.live(connected).await;
                    if let Some(inner) = self.0.upgrade() {
                        inner.set(None);
                        inner.kept.turn_off(number);
                    }
                    tracing::debug!("the {} is off", K::NAME);
                }
                Ok(Err(error)) => say_once(K::NAME, &mut said, Some(error)),
                Err(_) => say_once(K::NAME, &mut said, None),
            }
            let jitter = rand::rng().random_range(0.5..=1.0);
            sleep(pause.mul_f64(jitter)).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// Returns when the connection is in doubt.
    async fn live(&self, connected: Connected) {
        let kept = match self.0.upgrade() {
            Some(inner) if self.beats(&connected, true).await => Arc::clone(&inner.kept),
            _ => return,
        };
        tracing::debug!("the {} is on", K::NAME);
        let work = kept.work(connected.connection.clone());
        match select(pin!(self.watch(&connected)), pin!(work)).await {
            Either::Left(_) | Either::Right(_) => {}
        }
    }

    /// Asks again and again whether the connection lives.
    async fn watch(&self, connected: &Connected) {
        loop {
            let Some(inner) = self.0.upgrade() else {
                return;
            };
            let in_doubt = Arc::clone(&inner.in_doubt);
            // Not held while waiting: the task ends when nobody else has what is kept.
            drop(inner);
            let _ = timeout(HEARTBEAT, in_doubt.notified()).await;
            if !self.beats(connected, false).await {
                return;
            }
        }
    }

    /// Asks whether the connection lives, and lets what is kept be used for a while if it does.
    async fn beats(&self, connected: &Connected, is_new: bool) -> bool {
        let asked = Instant::now();
        let ping = cmd("PING");
        let mut connection = connected.connection.clone();
        let answer = timeout(ANSWER, connection.send_packed_command(&ping)).await;
        let Some(inner) = self.0.upgrade() else {
            return false;
        };
        let answered = matches!(answer, Ok(Ok(Value::SimpleString(_))));
        if !answered || !inner.is_compared(connected) {
            return false;
        }
        // All that changed before the question has been heard of before its answer, or comes right
        // behind it.
        let lease = asked + HEARTBEAT + ANSWER;
        if is_new {
            inner.kept.turn_on(connected.number, connected.epoch, lease);
            inner.set(Some(connected.clone()));
            return true;
        }
        inner.kept.extend(connected.number, lease)
    }
}

/// If the runtime ends the task, nothing is answered from memory, and the next who asks begins anew.
impl<K: Kept> Drop for Task<K> {
    fn drop(&mut self) {
        if let Some(inner) = self.0.upgrade() {
            if let Some(connected) = inner.now() {
                inner.kept.turn_off(connected.number);
            }
            inner.set(None);
            inner.is_running.store(false, Ordering::Release);
        }
    }
}
