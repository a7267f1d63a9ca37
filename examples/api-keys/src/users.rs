//! Users, their passwords and their plans.

use std::error::Error;

use apikey_layer::{KeyOwners, Owner, OwnerAuthority};
use auth_layer::{AuthError, ConfigError, MemoryRateCounters, Rate};
use login::attempts::AttemptLimits;
use login::password::{MemoryUserStore, PasswordHasher, PasswordLogin, UserRecord};

/// What a user pays for, as the limits of each of their keys: a burst, and a budget that refills.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Plan {
    Free,
    Pro,
}

impl Plan {
    /// In truth a column of the table of users.
    pub(crate) fn of(subject: &str) -> Option<Self> {
        match subject {
            "user-ann" => Some(Self::Free),
            "user-bob" => Some(Self::Pro),
            _ => None,
        }
    }

    pub(crate) fn limits(self) -> Result<[Rate; 2], ConfigError> {
        let [burst, budget] = match self {
            Self::Free => ["100/m", "10000/30d"],
            Self::Pro => ["1000/m", "1000000/30d"],
        };
        Ok([burst.parse()?, budget.parse()?])
    }
}

/// Passwords of two users, in memory; of wrong ones five in five minutes and no more.
pub(crate) fn login() -> Result<PasswordLogin, Box<dyn Error>> {
    let users = MemoryUserStore::new();
    let hasher = PasswordHasher::new();
    for (name, subject) in [("ann", "user-ann"), ("bob", "user-bob")] {
        let hash = hasher.hash("correct-horse")?;
        users.insert(name, UserRecord::new(subject).with_password_hash(hash));
    }
    let limits = AttemptLimits::new("5/5m/account", MemoryRateCounters::new())?;
    let login = PasswordLogin::builder(users).attempt_limits(limits);
    Ok(login.build()?)
}

/// Whose keys are good: those of users who have a plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Users;

impl KeyOwners for Users {
    async fn authority(&self, owner: &Owner) -> Result<Option<OwnerAuthority>, AuthError> {
        Ok(Plan::of(&owner.subject).map(|_| OwnerAuthority::any_scope([""; 0])))
    }
}
