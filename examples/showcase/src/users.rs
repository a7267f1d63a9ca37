//! The demo users, and what follows a change of their passwords.

use std::sync::Arc;

use apikey_layer::{KeyOwners, Owner, OwnerAuthority};
use auth_layer::digest::{Algorithm, DigestRecord, MemoryDigestStore};
use auth_layer::{AuthError, Identity, ScopeSet};
use login::password::{MemoryUserStore, NewPasswordError, PasswordLogin, UserRecord};

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

/// Users with their passwords, in two forms: argon2id for login and Basic, HA1 for Digest.
#[derive(Clone, Debug)]
pub(crate) struct Users {
    pub(crate) passwords: Arc<MemoryUserStore>,
    pub(crate) digests: MemoryDigestStore,
    issuer: Arc<str>,
}

impl Users {
    /// No users; `issuer` vouches for those that will be.
    pub(crate) fn new(issuer: &str) -> Self {
        Self {
            passwords: Arc::default(),
            digests: MemoryDigestStore::new(REALM),
            issuer: issuer.into(),
        }
    }

    /// Adds the demo users, all with one password.
    pub(crate) async fn add_demo_users(
        &self,
        login: &PasswordLogin,
        password: &str,
    ) -> Result<(), NewPasswordError> {
        for user in &DEMO_USERS {
            let record = UserRecord::new(user.subject).with_scopes(user.scopes());
            let record = match user.role {
                Some(role) => record.with_role(role),
                None => record,
            };
            self.passwords.insert(user.name, record);
            self.set_password(login, user.subject, password).await?;
        }
        Ok(())
    }

    /// Gives a user another password, everywhere.
    pub(crate) async fn set_password(
        &self,
        login: &PasswordLogin,
        subject: &str,
        password: &str,
    ) -> Result<(), NewPasswordError> {
        let hash = login.hash_new(password).await?;
        for user in DEMO_USERS.iter().filter(|user| user.subject == subject) {
            let hash = hash.clone();
            self.passwords
                .update(user.name, |record| record.password_hash = Some(hash));
            // Digest cannot work with a slow hash; see the caveats of `auth_layer::digest`.
            let algorithms = [Algorithm::Sha256, Algorithm::Md5];
            let record = DigestRecord::from_password(user.name, REALM, password, algorithms);
            self.digests
                .set(user.name, record.with_identity(self.identity(user)));
        }
        Ok(())
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

/// What the owner of an API key may do now.
impl KeyOwners for Users {
    async fn authority(&self, owner: &Owner) -> Result<Option<OwnerAuthority>, AuthError> {
        let is_ours = owner.issuer.as_deref() == Some(&*self.issuer);
        let user = DEMO_USERS
            .iter()
            .find(|user| is_ours && user.subject == owner.subject);
        Ok(user.map(|user| OwnerAuthority::new(user.scopes(), user.role)))
    }
}
