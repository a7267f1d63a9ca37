//! Users with passwords, and hashes that are replaced wrongly.

use std::sync::Mutex;

use auth_layer::AuthError;
use auth_test::contract;
use login::password::{MemoryUserStore, PasswordHash, UserRecord, UserStore};

use super::{assert_found, between_two_steps, verdict};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    AlwaysReplaces,
    FindsByPattern,
    HidesDisabled,
    None,
    RaisesEpoch,
    ReadsThenWrites,
    SaysTrueForNobody,
    StripsAccents,
}

struct Naive {
    fault: Fault,
    users: Mutex<Vec<(String, UserRecord)>>,
    memory: MemoryUserStore,
}

impl Naive {
    fn new(fault: Fault) -> Self {
        Self {
            fault,
            users: Mutex::default(),
            memory: MemoryUserStore::new(),
        }
    }

    fn canonical(&self, name: &str) -> String {
        match self.fault {
            Fault::StripsAccents => name.replace('\u{eb}', "e"),
            _ => name.to_owned(),
        }
    }

    fn put(&self, name: &str, record: Option<UserRecord>) {
        let name = self.canonical(name);
        let mut users = self.users.lock().unwrap();
        users.retain(|(other, _)| *other != name);
        match record {
            Some(record) => {
                users.push((name.clone(), record.clone()));
                self.memory.insert(name, record);
            }
            None => drop(self.memory.remove(&name)),
        }
    }

    fn name_of(&self, subject: &str) -> Option<String> {
        let users = self.users.lock().unwrap();
        let found = users.iter().find(|(_, record)| *record.subject == *subject);
        found.map(|(name, _)| name.clone())
    }
}

impl UserStore for Naive {
    async fn find(&self, username: &str) -> Result<Option<UserRecord>, AuthError> {
        let mut name = self.canonical(username);
        if let (Fault::FindsByPattern, Some(prefix)) = (self.fault, name.strip_suffix('%')) {
            let users = self.users.lock().unwrap();
            let like = users.iter().find(|(name, _)| name.starts_with(prefix));
            name = like.map(|(name, _)| name.clone()).unwrap_or_default();
        }
        let found = self.memory.find(&name).await?;
        Ok(found.filter(|found| self.fault != Fault::HidesDisabled || !found.is_disabled))
    }

    async fn replace_hash(
        &self,
        subject: &str,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, AuthError> {
        let Some(name) = self.name_of(subject) else {
            return Ok(self.fault == Fault::SaysTrueForNobody);
        };
        match self.fault {
            Fault::AlwaysReplaces => Ok(self
                .memory
                .update(&name, |user| user.password_hash = Some(new.clone()))),
            Fault::ReadsThenWrites => {
                let found = self.memory.find(&name).await?;
                if found.is_none_or(|found| found.password_hash.as_ref() != Some(old)) {
                    return Ok(false);
                }
                between_two_steps().await;
                Ok(self
                    .memory
                    .update(&name, |user| user.password_hash = Some(new.clone())))
            }
            Fault::RaisesEpoch => {
                let replaced = self.memory.replace_hash(subject, old, new).await?;
                let raise = |user: &mut UserRecord| *user = user.clone().with_credential_epoch(4);
                Ok(replaced && self.memory.update(&name, raise))
            }
            _ => self.memory.replace_hash(subject, old, new).await,
        }
    }
}

#[test]
fn bas_07_user_stores_with_a_fault_are_found() {
    for (fault, lines) in [
        (Fault::None, &[][..]),
        (Fault::AlwaysReplaces, &["if it is still `old`"]),
        (
            Fault::ReadsThenWrites,
            &["one returns true", "sees the new hash"],
        ),
        (Fault::RaisesEpoch, &["It changes nothing but the hash"]),
        (Fault::SaysTrueForNobody, &["if it is still `old`"]),
        (Fault::HidesDisabled, &["returns disabled users"]),
        (Fault::FindsByPattern, &["in one canonical form"]),
        (Fault::StripsAccents, &["in one canonical form"]),
    ] {
        let verdict = verdict(contract::user_store(
            async || Naive::new(fault),
            async |store, username, record| store.put(username, record),
        ));
        match lines {
            [] => assert_eq!(verdict, Ok(())),
            lines => assert_found(&fault, verdict, lines),
        }
    }
}
