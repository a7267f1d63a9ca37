//! A backend on trial, and sessions to try it with.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth_layer::{CredentialEpoch, Identity, SecretDigest};
use session_layer::{
    CreateOutcome, Device, NewSession, RotateOutcome, SessionBackend, SessionCap, SessionData,
    SessionId, SessionLimits, SessionRecord, Touch, UserKey, WhenFull,
};

use crate::contract::{answer, check, random, this_second, unique};

/// Seconds after which a session ends if it is not used.
pub(super) const IDLE: u64 = 3_600;
/// Seconds after which a session ends however much it is used.
pub(super) const ABSOLUTE: u64 = 10 * IDLE;

pub(super) struct Trial<S> {
    pub(super) store: Arc<S>,
    start: SystemTime,
}

impl<S: SessionBackend> Trial<S> {
    pub(super) fn new(store: S) -> Self {
        Self {
            store: Arc::new(store),
            start: this_second(),
        }
    }

    /// The time so many seconds after the start.
    pub(super) fn at(&self, seconds: u64) -> SystemTime {
        self.start + Duration::from_secs(seconds)
    }

    /// Somebody who has no sessions yet.
    pub(super) fn user(&self) -> Identity {
        Identity::builder(session_layer::SCHEME, unique("user"))
            .issuer("https://id.example")
            .tenant("tenant")
            .role("admin")
            .auth_time(self.start)
            .extra(CredentialEpoch::new(7))
            .build()
    }

    /// A session of `user` that begins so many seconds after the start.
    pub(super) fn session(&self, user: Option<&Identity>, seconds: u64) -> NewSession {
        let id = SessionId::from_bytes(random());
        let limits = SessionLimits::new(Duration::from_secs(IDLE), Duration::from_secs(ABSOLUTE));
        let mut record = SessionRecord::new(id, self.at(seconds), limits);
        record.login = user.map(|user| {
            user.to_builder()
                .session_id(id.to_string())
                .expires_at(record.ends_at)
                .build()
        });
        record.device = Device::new(Some("Browser/1.0"), Some(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        record.remembered_by = user.map(|_| SecretDigest::from_bytes(random()));
        record.data = data("first");
        NewSession::new(SecretDigest::from_bytes(random()), record)
    }

    /// The same, for a user who may have at most `max`.
    pub(super) fn capped(
        &self,
        user: &Identity,
        seconds: u64,
        max: u32,
        when_full: WhenFull,
    ) -> NewSession {
        let session = self.session(Some(user), seconds);
        session.with_cap(SessionCap::new(max, when_full))
    }

    /// Stores a session where nothing is in its way.
    pub(super) async fn create(&self, session: &NewSession) {
        let outcome = answer(self.store.create(session.clone()).await);
        let created = CreateOutcome::Created { evicted: vec![] };
        check!(
            "create: Stores a new session",
            outcome == created,
            "{outcome:?}"
        );
    }

    /// Creates and returns a session of `user`, begun at the start.
    pub(super) async fn created(&self, user: Option<&Identity>) -> NewSession {
        let session = self.session(user, 0);
        self.create(&session).await;
        session
    }

    pub(super) async fn find(&self, session: &NewSession) -> Option<SessionRecord> {
        answer(self.store.find(&session.secret).await)
    }

    /// The stored form of a session that must be there.
    pub(super) async fn stored(&self, session: &NewSession) -> SessionRecord {
        let found = self.find(session).await;
        found.expect(
            "contract broken: \"find: Finds a session\": a session that nobody has ended is gone",
        )
    }

    pub(super) async fn is_found(&self, session: &NewSession) -> bool {
        self.find(session).await.is_some()
    }

    /// The ids of the sessions of `user` that are live at the start, in order.
    pub(super) async fn listed(&self, user: &Identity) -> Vec<SessionId> {
        self.listed_at(user, 0).await
    }

    pub(super) async fn listed_at(&self, user: &Identity, seconds: u64) -> Vec<SessionId> {
        let listed = answer(self.store.list(&UserKey::from(user)).await);
        let live = listed
            .iter()
            .filter(|record| record.is_live(self.at(seconds)));
        let mut ids: Vec<_> = live.map(|record| record.id).collect();
        ids.sort_unstable();
        ids
    }

    /// A touch that gives a session the whole idle time again.
    pub(super) fn touch(&self, seconds: u64) -> Touch {
        Touch::new(self.at(seconds), self.at(seconds + IDLE))
    }
}

impl<S> Clone for Trial<S> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            start: self.start,
        }
    }
}

pub(super) fn data(text: &str) -> SessionData {
    SessionData::from_bytes(format!(r#"{{"text":"{text}"}}"#).into())
}

/// The ids of sessions, in order.
pub(super) fn ids(sessions: &[&NewSession]) -> Vec<SessionId> {
    let mut ids: Vec<_> = sessions.iter().map(|session| session.record.id).collect();
    ids.sort_unstable();
    ids
}

/// Whether two records are the same in all that a store keeps.
pub(super) fn same(left: &SessionRecord, right: &SessionRecord) -> bool {
    left.encode() == right.encode()
        && left.version == right.version
        && left.data == right.data
        && left.last_seen_at == right.last_seen_at
        && left.expires_at == right.expires_at
}

pub(super) const fn is_rotated(outcome: &RotateOutcome) -> bool {
    matches!(outcome, RotateOutcome::Rotated { .. })
}

pub(super) const fn is_created(outcome: &CreateOutcome) -> bool {
    matches!(outcome, CreateOutcome::Created { .. })
}
