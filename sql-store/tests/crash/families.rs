//! Families of refresh tokens, of which each token is used twice at once.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_layer::{AuthError, Identity, SecretDigest, UserKey, random_bytes};
use jwt_layer::refresh::{
    Family, FamilyId, FamilyState, RefreshStore as _, RotateOutcome, Rotation,
};
use sql_store::{SqlRefreshStore, SqlStore};

use super::{Load, TASKS, hex, secret};

pub(super) struct Families;

impl Load for Families {
    async fn run(store: SqlStore, task: usize, tell: impl Fn(String) + Send + Sync) {
        // It ends with the store.
        let _ = come_and_go(store.refresh_families(), task, tell).await;
    }

    async fn check(store: &SqlStore, told: &[String]) {
        let families = store.refresh_families();
        let mut tasks: BTreeMap<usize, Expected> = BTreeMap::new();
        for line in told {
            let words: Vec<_> = line.split(' ').collect();
            let expected = tasks.entry(words[0].parse().unwrap()).or_default();
            expected.hear(&words[1..]);
        }
        assert_eq!(tasks.len(), TASKS);
        for (task, mut expected) in tasks {
            expected.settle();
            expected.check(&families, task).await;
        }
    }
}

const HOUR: Duration = Duration::from_secs(3600);

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

fn user(task: usize) -> Identity {
    Identity::new("refresh", format!("user-{task}"))
}

fn token() -> SecretDigest {
    SecretDigest::from_bytes(random_bytes().unwrap())
}

/// A use within the window. The successor stands for the next token.
fn rotation(presented: SecretDigest, next: SecretDigest) -> Rotation {
    let rotation = Rotation::new(presented, next, now(), now() + HOUR);
    rotation.replayable(HOUR, 10, next.as_bytes().to_vec())
}

/// A use after the window.
fn late(presented: SecretDigest) -> Rotation {
    Rotation::new(presented, token(), now(), now() + HOUR)
}

/// Begins a family, uses three tokens, each twice at once, ends it or has it ended by a reuse, and again.
async fn come_and_go(
    store: SqlRefreshStore,
    task: usize,
    tell: impl Fn(String) + Send + Sync,
) -> Result<(), AuthError> {
    for round in 0.. {
        let id = FamilyId::from_bytes(random_bytes()?);
        let mut live = token();
        tell(format!("{task} begin insert {id} {}", hex(&live)));
        let family = Family::new(id, user(task), now(), now() + HOUR);
        let state = FamilyState::new(family, live, now() + HOUR);
        assert!(store.insert(state).await?);
        tell(format!("{task} done {}", hex(&live)));
        let mut used = live;
        for _ in 0..3 {
            let (presented, nexts) = (live, [token(), token()]);
            let [one, other] = nexts.map(|next| hex(&next));
            tell(format!(
                "{task} begin rotate {} {one} {other}",
                hex(&presented)
            ));
            let uses = nexts.map(async |next| {
                let won = match store.rotate(&id, rotation(presented, next)).await? {
                    RotateOutcome::Rotated => next,
                    RotateOutcome::Repeated(successor) => {
                        SecretDigest::from_bytes(successor.try_into().unwrap())
                    }
                    outcome => panic!("{outcome:?}"),
                };
                tell(format!("{task} done {}", hex(&won)));
                Ok::<_, AuthError>(won)
            });
            let [one, other] = uses;
            let (one, other) = tokio::join!(one, other);
            let (one, other) = (one?, other?);
            assert!(one == other, "two successors");
            (used, live) = (live, one);
        }
        if round % 2 == 0 {
            tell(format!("{task} begin end"));
            assert!(store.end(&id).await?);
        } else {
            tell(format!("{task} begin reuse"));
            let outcome = store.rotate(&id, late(used)).await?;
            assert_eq!(outcome, RotateOutcome::Reused);
        }
        tell(format!("{task} done -"));
    }
    Ok(())
}

/// What must be there of one task, by what it told.
#[derive(Default)]
struct Expected {
    /// The family that goes on, its current token and the one used last.
    live: Option<(FamilyId, String, Option<String>)>,
    ended: Vec<FamilyId>,
    /// With the token that was current then.
    reused: Vec<(FamilyId, String)>,
    /// Begun, and perhaps not acknowledged.
    pending: Option<Vec<String>>,
    acknowledged: Option<String>,
}

impl Expected {
    fn hear(&mut self, words: &[&str]) {
        if words[0] == "begin" {
            self.settle();
            self.pending = Some(words[1..].iter().map(|word| (*word).to_owned()).collect());
            return;
        }
        let told = words[1].to_owned();
        let before = self.acknowledged.get_or_insert_with(|| told.clone());
        assert_eq!(*before, told, "two successors were acknowledged");
    }

    /// Takes what was begun for done if it was acknowledged.
    fn settle(&mut self) {
        let Some(current) = self.acknowledged.take() else {
            return;
        };
        let done = self.pending.take().unwrap();
        match (&*done[0], self.live.take()) {
            ("insert", None) => self.live = Some((done[1].parse().unwrap(), current, None)),
            ("rotate", Some((id, used, _))) => self.live = Some((id, current, Some(used))),
            ("end", Some((id, ..))) => self.ended.push(id),
            ("reuse", Some((id, last, _))) => self.reused.push((id, last)),
            (other, _) => panic!("{other}"),
        }
    }

    async fn check(&self, store: &SqlRefreshStore, task: usize) {
        for id in &self.ended {
            let found = store.find(id).await.unwrap();
            assert!(found.is_none(), "task {task}: {id} was ended");
        }
        for (id, last) in &self.reused {
            let outcome = store.rotate(id, rotation(secret(last), token())).await;
            let outcome = outcome.unwrap();
            assert_eq!(outcome, RotateOutcome::Reused, "task {task}: {id}");
        }
        let pending = self.pending.as_deref().unwrap_or_default();
        let (id, current, used) = match (&self.live, pending) {
            (Some(live), _) => live.clone(),
            (None, [_, id, first]) => (id.parse().unwrap(), first.clone(), None),
            (None, _) => return,
        };
        let found = store.find(&id).await.unwrap();
        let kind = pending.first().map(String::as_str);
        let Some(found) = found else {
            let may_be = matches!(kind, Some("insert" | "end"));
            assert!(may_be, "task {task}: {id} is lost");
            return;
        };
        let listed = store.list(&UserKey::from(&user(task))).await.unwrap();
        assert!(listed.iter().any(|state| state.family.id == id));

        let was_used = found.used.as_ref().map(|used| hex(&used.digest));
        let now_current = hex(&found.current);
        if kind == Some("rotate") && now_current != current {
            // The one that was not acknowledged, as a whole.
            assert!(pending[2..].contains(&now_current), "task {task}: {id}");
            assert_eq!(was_used.as_ref(), Some(&current), "task {task}: {id}");
        } else {
            assert_eq!(now_current, current, "task {task}: {id} went back");
            assert_eq!(was_used, used, "task {task}: {id}");
        }
        if found.reused {
            assert_eq!(kind, Some("reuse"), "task {task}: {id}");
            return;
        }
        // Whoever got no answer sends the token again, and has the one that is current then.
        let next = token();
        let sent_again = store.rotate(&id, rotation(secret(&current), next)).await;
        let live = match sent_again.unwrap() {
            RotateOutcome::Rotated => next,
            RotateOutcome::Repeated(successor) => {
                SecretDigest::from_bytes(successor.try_into().unwrap())
            }
            outcome => panic!("task {task}: {outcome:?}"),
        };
        // It is the one, and none of the others that there were is another.
        let outcome = store.rotate(&id, late(live)).await.unwrap();
        assert_eq!(outcome, RotateOutcome::Rotated, "task {task}: {id}");
        let others = pending.get(2..).unwrap_or_default().iter().cloned();
        for other in others.chain([current]).chain(used) {
            let outcome = store.rotate(&id, late(secret(&other))).await.unwrap();
            assert_eq!(outcome, RotateOutcome::Reused, "task {task}: {id}");
        }
    }
}
