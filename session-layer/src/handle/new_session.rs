//! Storing a new session, in the place of another or not.

use auth_layer::{AuthError, AuthErrorKind, CredentialEpoch, Identity};

use super::{Current, SessionHandle};
use crate::backend::{CreateOutcome, NewSession, RotateOutcome, SessionCap};
use crate::record::SessionRecord;
use crate::secret::SessionSecret;
use crate::{SCHEME, SessionBackend as _, SessionId};

/// How often a new secret and a new id are drawn because the last ones were taken: they never are.
const MAX_DRAWS: usize = 4;

pub(super) enum Rotation {
    Changed(Box<SessionRecord>),
    Done(Box<Current>),
    Gone,
}

impl SessionHandle {
    /// Stores a session like `template`, with an id and a secret of its own.
    pub(super) async fn create(&self, template: &SessionRecord) -> Result<Current, AuthError> {
        let cap = self.request().config.cap;
        self.request().create(template, cap).await
    }

    /// The same in the place of `old`; with an id that is given, or one that is drawn.
    pub(super) async fn rotate(
        &self,
        old: &Current,
        version: Option<u64>,
        template: &SessionRecord,
        id: Option<SessionId>,
    ) -> Result<Rotation, AuthError> {
        let config = &self.request().config;
        for _ in 0..MAX_DRAWS {
            let cap = config.cap;
            let (current, new) = self.request().draw(template, id, cap)?;
            match config.backend().rotate(&old.digest, version, new).await? {
                RotateOutcome::Rotated { evicted } => {
                    self.request().record_evicted(&evicted);
                    return Ok(Rotation::Done(Box::new(current)));
                }
                RotateOutcome::Changed(record) => return Ok(Rotation::Changed(record)),
                RotateOutcome::Gone => return Ok(Rotation::Gone),
                RotateOutcome::Collided => {}
                RotateOutcome::Full => return Err(too_many_sessions()),
            }
        }
        Err(no_free_secret())
    }
}

impl super::RequestSession {
    pub(super) async fn create(
        &self,
        template: &SessionRecord,
        cap: Option<SessionCap>,
    ) -> Result<Current, AuthError> {
        for _ in 0..MAX_DRAWS {
            let (current, new) = self.draw(template, None, cap)?;
            match self.config.backend().create(new).await? {
                CreateOutcome::Created { evicted } => {
                    self.record_evicted(&evicted);
                    return Ok(current);
                }
                CreateOutcome::Collided => {}
                CreateOutcome::Full => return Err(too_many_sessions()),
            }
        }
        Err(no_free_secret())
    }

    fn draw(
        &self,
        template: &SessionRecord,
        id: Option<SessionId>,
        cap: Option<SessionCap>,
    ) -> Result<(Current, NewSession), AuthError> {
        let mut record = template.clone();
        record.id = match id {
            Some(id) => id,
            None => SessionId::generate()?,
        };
        let login = template.login.as_ref();
        record.login = login.map(|identity| session_identity(identity, &record));
        record.device = self.device();
        let secret = SessionSecret::generate()?;
        let digest = secret.digest();
        let mut new = NewSession::new(digest, record.clone());
        new.cap = cap.filter(|_| record.login.is_some());
        Ok((Current::new(secret, digest, record), new))
    }

    fn record_evicted(&self, evicted: &[SessionId]) {
        for id in evicted {
            self.config
                .sessions
                .record_revoked(*id, "too_many_sessions");
        }
    }
}

/// What a session keeps of an identity.
pub(super) fn session_identity(identity: &Identity, record: &SessionRecord) -> Identity {
    let mut own = Identity::builder(SCHEME, identity.subject())
        .scopes(identity.scopes().clone())
        .roles(identity.roles())
        .expires_at(record.ends_at)
        .session_id(record.id.to_string());
    if let Some(issuer) = identity.issuer() {
        own = own.issuer(issuer);
    }
    if let Some(tenant) = identity.tenant() {
        own = own.tenant(tenant);
    }
    for factor in identity.factors() {
        own = own.factor(*factor);
    }
    if let Some(time) = identity.auth_time() {
        own = own.auth_time(time);
    }
    if let Some(acr) = identity.acr() {
        own = own.acr(acr);
    }
    if let Some(epoch) = identity.extra::<CredentialEpoch>() {
        own = own.extra(*epoch);
    }
    if let Some(claims) = identity.raw_claims() {
        own = own.raw_claims(claims.clone());
    }
    own.build()
}

fn too_many_sessions() -> AuthError {
    AuthError::new(AuthErrorKind::Limited, "too_many_sessions").with_scheme(SCHEME)
}

#[cold]
fn no_free_secret() -> AuthError {
    AuthError::new(AuthErrorKind::Internal, "no_free_session_secret")
}
