//! The demo users, and what follows a change of their passwords.

use std::sync::Arc;

use apikey_layer::{KeyOwners, Lookup, Owner, OwnerAuthority};
use auth_layer::digest::{Algorithm, DigestRecord};
use auth_layer::{AuthError, CredentialEpoch, Identity, ScopeSet};
use login::password::{NewPasswordError, PasswordHash, PasswordLogin, UserRecord, UserStore as _};
use session_layer::{CredentialEpochs, EpochLookup};

use crate::user_table::UserTable;

/// The realm of Basic and Digest.
pub(crate) const REALM: &str = "showcase";

/// A demo user. The subject is the same in every process, so that several can share a database.
struct DemoUser {
    name: &'static str,
    subject: &'static str,
    role: Option<&'static str>,
    scopes: &'static str,
}

const DEMO_USERS: [DemoUser; 2] = [
    DemoUser {
        name: "alice",
        subject: "user-alice",
        role: Some("admin"),
        scopes: "reports:read",
    },
    DemoUser {
        name: "bob",
        subject: "user-bob",
        role: None,
        scopes: "",
    },
];

impl DemoUser {
    fn scopes(&self) -> ScopeSet {
        self.scopes.parse().unwrap_or_default()
    }
}

/// A password that is ready to be stored.
pub(crate) struct NewPassword {
    user: &'static DemoUser,
    hash: PasswordHash,
    digest: DigestRecord,
}

/// Users with their passwords.
#[derive(Clone, Debug)]
pub(crate) struct Users {
    table: UserTable,
    issuer: Arc<str>,
}

impl Users {
    /// The users in `table`; `issuer` vouches for them.
    pub(crate) fn new(table: UserTable, issuer: &str) -> Self {
        let issuer = issuer.into();
        Self { table, issuer }
    }

    /// Who vouches for them. Its name may be another after a restart: what is kept does not hold it.
    pub(crate) fn issuer(&self) -> Arc<str> {
        Arc::clone(&self.issuer)
    }

    /// Adds those demo users that are missing, all with one password; says which those were. The
    /// others keep the password that they have.
    pub(crate) async fn add_demo_users(
        &self,
        login: &PasswordLogin,
        password: &str,
    ) -> Result<Vec<&'static str>, NewPasswordError> {
        let mut added = Vec::new();
        for user in &DEMO_USERS {
            let found = self.table.passwords().find(user.name).await;
            if found.map_err(NewPasswordError::Fail)?.is_some() {
                continue;
            }
            let hash = login.hash_new(password).await?;
            let record = UserRecord::new(user.subject)
                .with_scopes(user.scopes())
                .with_credential_epoch(0)
                .with_password_hash(hash);
            let record = match user.role {
                Some(role) => record.with_role(role),
                None => record,
            };
            let digest = self.digest(user, password);
            let is_new = self.table.add(user.name, record, digest).await;
            if is_new.map_err(NewPasswordError::Fail)? {
                added.push(user.name);
            }
        }
        Ok(added)
    }

    /// What has to be stored for a new password of the user with this subject; `None` if there is no
    /// such user. Nothing is stored yet.
    pub(crate) async fn prepare_password(
        &self,
        login: &PasswordLogin,
        subject: &str,
        password: &str,
    ) -> Result<Option<NewPassword>, NewPasswordError> {
        let Some(user) = DEMO_USERS.iter().find(|user| user.subject == subject) else {
            return Ok(None);
        };
        Ok(Some(NewPassword {
            user,
            hash: login.hash_new(password).await?,
            digest: self.digest(user, password),
        }))
    }

    /// Stores a new password, for login, Basic and Digest in one step, if the one that proved
    /// `identity` is the current one still. The new epoch, or `None` if somebody else was faster.
    pub(crate) async fn replace_password(
        &self,
        identity: &Identity,
        new: NewPassword,
    ) -> Result<Option<CredentialEpoch>, AuthError> {
        let Some(proved) = identity.extra::<CredentialEpoch>() else {
            return Ok(None);
        };
        let NewPassword { user, hash, digest } = new;
        self.table
            .replace_password(user.name, user.subject, *proved, hash, digest)
            .await
    }

    /// Whether the password that proved `identity` is the current one still.
    pub(crate) async fn is_current(&self, identity: &Identity) -> Result<bool, AuthError> {
        let current = self.epoch(identity).await?;
        Ok(current.is_some() && current.as_ref() == identity.extra())
    }

    /// Whom a refresh token stands for, as of now; `None` if there is no such user any more. `login` is
    /// who it was when the family began.
    pub(crate) async fn current(&self, login: &Identity) -> Result<Option<Identity>, AuthError> {
        let user = DEMO_USERS
            .iter()
            .find(|user| user.subject == login.subject());
        let (Some(user), Some(epoch)) = (user, self.epoch(login).await?) else {
            return Ok(None);
        };
        let current = login.to_builder().scopes(user.scopes()).roles(user.role);
        Ok(Some(current.extra(epoch).build()))
    }

    /// Digest cannot work with a slow hash; see the caveats of `auth_layer::digest`.
    fn digest(&self, user: &DemoUser, password: &str) -> DigestRecord {
        let algorithms = [Algorithm::Sha256, Algorithm::Md5];
        DigestRecord::from_password(user.name, REALM, password, algorithms)
            .with_identity(self.identity(user))
    }

    /// The name that a subject logs in with.
    pub(crate) fn name_of(subject: &str) -> Option<&'static str> {
        let user = DEMO_USERS.iter().find(|user| user.subject == subject)?;
        Some(user.name)
    }

    fn identity(&self, user: &DemoUser) -> Identity {
        Identity::builder("digest", user.subject)
            .issuer(Arc::clone(&self.issuer))
            .scopes(user.scopes())
            .roles(user.role)
            .build()
    }
}

/// What ends sessions when a password is changed.
impl CredentialEpochs for Users {
    fn epoch_now(&self, user: &Identity) -> EpochLookup {
        Self::name_of(user.subject()).map_or(EpochLookup::Gone, |name| self.table.epoch_now(name))
    }

    async fn epoch(&self, user: &Identity) -> Result<Option<CredentialEpoch>, AuthError> {
        match Self::name_of(user.subject()) {
            Some(name) => self.table.epoch(name, user).await,
            None => Ok(None),
        }
    }
}

/// What the owner of an API key may do now.
impl KeyOwners for Users {
    /// At once: what the demo users may do is in this file. `CachedKeyOwners` is for a table.
    fn authority_now(&self, owner: &Owner) -> Lookup<OwnerAuthority> {
        let is_ours = owner.issuer.is_none();
        let user = DEMO_USERS
            .iter()
            .find(|user| is_ours && user.subject == owner.subject);
        user.map_or(Lookup::Missing, |user| {
            Lookup::Found(OwnerAuthority::new(user.scopes(), user.role))
        })
    }

    async fn authority(&self, owner: &Owner) -> Result<Option<OwnerAuthority>, AuthError> {
        Ok(match self.authority_now(owner) {
            Lookup::Found(authority) => Some(authority),
            Lookup::Missing | Lookup::Wait => None,
        })
    }
}
