//! Revocations that forget, mix up, or move back.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::{AuthError, IssuedToken, MAX_LEEWAY, Revocations, SharedClock, SubjectRevocation};
use auth_test::contract;

use super::{assert_found, between_two_steps, verdict};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    ForgetsAtTheEnd,
    ForgetsEarly,
    IgnoresIssuer,
    IgnoresSession,
    IgnoresTenant,
    InstantIsAfter,
    JoinsNames,
    LastWins,
    LastWinsInRace,
    None,
    NowIsStale,
    SessionHidesToken,
    UntilIsTheLast,
    WholeSeconds,
}

#[derive(Clone, Copy)]
struct Entry {
    issued_until: SystemTime,
    until: SystemTime,
}

/// Tokens are entries that end everything, under names of their own.
struct Naive {
    fault: Fault,
    clock: SharedClock,
    entries: Mutex<HashMap<String, Entry>>,
}

impl Naive {
    fn new(fault: Fault) -> Self {
        Self {
            fault,
            clock: SharedClock::system(),
            entries: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().unwrap()
    }

    fn key(&self, kind: &str, issuer: &str, name: &str) -> String {
        match self.fault {
            Fault::JoinsNames => format!("{kind}:{issuer}:{name}"),
            Fault::IgnoresIssuer => format!("{kind}{name}"),
            _ => format!("{kind}{}:{issuer}{name}", issuer.len()),
        }
    }

    fn kind(&self, tenant: Option<&str>) -> String {
        match tenant {
            Some(tenant) if self.fault != Fault::IgnoresTenant => format!("subject of {tenant}:"),
            _ => "subject".to_owned(),
        }
    }

    fn holds(&self, token: &IssuedToken<'_>) -> bool {
        let entries = self.lock();
        let ends = |entry: &Entry| match self.fault {
            Fault::InstantIsAfter => token.issued_at < entry.issued_until,
            Fault::WholeSeconds => token.issued_at <= whole_seconds(entry.issued_until),
            _ => token.issued_at <= entry.issued_until,
        };
        let issuer = token.issuer.unwrap_or("none");
        let by_id = |id| entries.contains_key(&self.key("token", issuer, id));
        let by_tenant = |tenant| {
            let kind = self.kind(tenant);
            let entry = entries.get(&self.key(&kind, issuer, token.subject));
            entry.is_some_and(ends)
        };
        let session = token
            .session_id
            .filter(|_| self.fault != Fault::IgnoresSession);
        let token_id = token
            .token_id
            .filter(|_| self.fault != Fault::SessionHidesToken || session.is_none());
        token_id.is_some_and(by_id)
            || session.is_some_and(by_id)
            || by_tenant(None)
            || (token.tenant.is_some() && by_tenant(token.tenant))
    }

    async fn revoke(&self, key: String, new: Entry) {
        let mut old = self.lock().get(&key).copied();
        let two_steps = self.fault == Fault::LastWinsInRace;
        if two_steps {
            between_two_steps().await;
        }
        let (now, early) = (self.clock.now(), self.fault == Fault::ForgetsEarly);
        let mut entries = self.lock();
        if !two_steps {
            old = entries.get(&key).copied();
        }
        let entry = match old {
            None => new,
            Some(_) if self.fault == Fault::LastWins => new,
            Some(old) => Entry {
                issued_until: new.issued_until.max(old.issued_until),
                until: match self.fault {
                    Fault::UntilIsTheLast => new.until,
                    _ => new.until.max(old.until),
                },
            },
        };
        entries.insert(key, entry);
        if early && entries.len() > 1_000 {
            entries.clear();
        }
        let leeway = match self.fault {
            Fault::ForgetsAtTheEnd => Duration::ZERO,
            _ => MAX_LEEWAY,
        };
        entries.retain(|_, entry| entry.until + leeway > now);
    }
}

fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap();
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

impl Revocations for Naive {
    fn check_now(&self, _: &IssuedToken<'_>) -> Option<bool> {
        (self.fault == Fault::NowIsStale).then_some(false)
    }

    async fn is_revoked(&self, token: &IssuedToken<'_>) -> Result<bool, AuthError> {
        Ok(self.holds(token))
    }

    async fn revoke_token(
        &self,
        issuer: &str,
        token_id: &str,
        until: SystemTime,
    ) -> Result<(), AuthError> {
        let entry = Entry {
            issued_until: until,
            until,
        };
        self.revoke(self.key("token", issuer, token_id), entry)
            .await;
        Ok(())
    }

    async fn revoke_subject(&self, revocation: &SubjectRevocation<'_>) -> Result<(), AuthError> {
        let entry = Entry {
            issued_until: revocation.issued_until,
            until: revocation.until,
        };
        let kind = self.kind(revocation.tenant);
        let issuer = revocation.issuer.unwrap_or("none");
        self.revoke(self.key(&kind, issuer, revocation.subject), entry)
            .await;
        Ok(())
    }
}

fn over_time(fault: Fault) -> Result<(), String> {
    verdict(contract::revocations_over_time(async |clock| Naive {
        clock: clock.shared(),
        ..Naive::new(fault)
    }))
}

#[test]
fn revocations_without_fault_pass() {
    let suite = contract::revocations(async || Naive::new(Fault::None));
    assert_eq!(verdict(suite), Ok(()));
    assert_eq!(over_time(Fault::None), Ok(()));
}

#[test]
fn jwt_20_revocations_that_miss_tokens_are_found() {
    for (fault, line) in [
        (Fault::IgnoresIssuer, "one issuer's"),
        (Fault::IgnoresSession, "or the id of its session"),
        (Fault::SessionHidesToken, "or the id of its session"),
        (Fault::IgnoresTenant, "for the subject in every tenant"),
        (Fault::JoinsNames, "issuer and name are two things"),
        (Fault::InstantIsAfter, "counts as issued before it"),
        (Fault::WholeSeconds, "counts as issued before it"),
        (Fault::LastWins, "only moves forward"),
        (Fault::NowIsStale, "can be given without waiting"),
    ] {
        let suite = contract::revocations(async || Naive::new(fault));
        let lines = [line, "at `issued_until` or earlier"];
        assert_found(&fault, verdict(suite), &lines);
    }
    let fault = Fault::LastWinsInRace;
    let suite = contract::revocations(async || Naive::new(fault));
    assert_found(
        &fault,
        verdict(suite),
        &["only moves forward", "seen by every later question"],
    );
}

#[test]
fn x_21_revocations_that_forget_early_are_found() {
    for fault in [
        Fault::ForgetsAtTheEnd,
        Fault::ForgetsEarly,
        Fault::UntilIsTheLast,
    ] {
        assert_found(&fault, over_time(fault), &["after `until` and not before"]);
    }
}
