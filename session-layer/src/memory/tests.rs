use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use auth_layer::Identity;

use super::*;
use crate::SessionLimits;

const LIMITS: SessionLimits = SessionLimits::new(Duration::from_secs(10), Duration::from_secs(100));

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn digest(n: u32) -> SecretDigest {
    SecretDigest::of(n.to_be_bytes())
}

fn session(n: u32, user: Option<&str>, now: u64) -> NewSession {
    let id = SessionId::from_bytes(u128::from(n).to_be_bytes());
    let mut record = SessionRecord::new(id, at(now), LIMITS);
    record.login = user.map(|user| Identity::new("session", user));
    NewSession::new(digest(n), record)
}

fn capped(n: u32, max: u32, when_full: WhenFull) -> NewSession {
    session(n, Some("alice"), u64::from(n)).with_cap(SessionCap::new(max, when_full))
}

fn alice() -> UserKey {
    UserKey::new(None, None, "alice")
}

fn data(text: &str) -> SessionData {
    SessionData::from_bytes(format!(r#"{{"k":"{text}"}}"#).into())
}

async fn ids(backend: &MemorySessionBackend) -> Vec<u32> {
    let mut ids: Vec<_> = backend.list(&alice()).await.unwrap();
    ids.sort_by_key(|record| record.id);
    ids.iter()
        .map(|record| u128::from_be_bytes(*record.id.as_bytes()))
        .map(|id| id.try_into().unwrap())
        .collect()
}

#[tokio::test]
async fn a_session_is_found_until_it_is_ended() {
    let backend = MemorySessionBackend::new();
    assert!(backend.find(&digest(1)).await.unwrap().is_none());
    let outcome = backend.create(session(1, Some("alice"), 0)).await.unwrap();
    assert!(matches!(outcome, CreateOutcome::Created { .. }));
    assert!(backend.find(&digest(1)).await.unwrap().is_some());
    assert_eq!(ids(&backend).await, [1]);
    assert!(backend.delete(&digest(1)).await.unwrap());
    assert!(!backend.delete(&digest(1)).await.unwrap());
    assert!(backend.find(&digest(1)).await.unwrap().is_none());
    assert!(ids(&backend).await.is_empty());
    assert!(backend.is_empty());
}

#[tokio::test]
async fn taken_secrets_and_ids_are_not_overwritten() {
    let backend = MemorySessionBackend::new();
    let _ = backend.create(session(1, Some("alice"), 0)).await.unwrap();
    let mut same_id = session(1, Some("alice"), 0);
    same_id.secret = digest(2);
    for new in [session(1, Some("bob"), 0), session(1, None, 0), same_id] {
        let outcome = backend.create(new).await.unwrap();
        assert_eq!(outcome, CreateOutcome::Collided);
    }
    let _ = backend.create(session(2, None, 0)).await.unwrap();
    let outcome = backend.rotate(&digest(2), None, session(1, None, 1)).await;
    assert!(matches!(outcome.unwrap(), RotateOutcome::Collided));
    assert_eq!(backend.len(), 2);
}

#[tokio::test]
async fn an_update_is_guarded_by_the_version() {
    let backend = MemorySessionBackend::new();
    let _ = backend.create(session(1, None, 0)).await.unwrap();
    let outcome = backend.update(&digest(1), 1, data("a")).await.unwrap();
    assert!(matches!(outcome, UpdateOutcome::Updated { version: 2 }));
    match backend.update(&digest(1), 1, data("b")).await.unwrap() {
        UpdateOutcome::Changed(record) => assert_eq!((record.version, record.data), (2, data("a"))),
        other => panic!("{other:?}"),
    }
    let outcome = backend.update(&digest(9), 1, data("b")).await.unwrap();
    assert!(matches!(outcome, UpdateOutcome::Gone));
    match backend
        .rotate(&digest(1), Some(1), session(2, None, 1))
        .await
        .unwrap()
    {
        RotateOutcome::Changed(record) => assert_eq!(record.version, 2),
        other => panic!("{other:?}"),
    }
    let outcome = backend
        .rotate(&digest(1), Some(2), session(2, None, 1))
        .await;
    assert!(matches!(outcome.unwrap(), RotateOutcome::Rotated { .. }));
}

#[tokio::test]
async fn ses_04_the_dead_stay_dead() {
    let backend = MemorySessionBackend::new();
    let end: [(&str, u32); 4] = [("delete", 1), ("rotate", 2), ("by id", 3), ("all", 4)];
    for (how, n) in end {
        let _ = backend.create(session(n, Some("alice"), 0)).await.unwrap();
        match how {
            "delete" => assert!(backend.delete(&digest(n)).await.unwrap()),
            "rotate" => {
                let new = session(n + 100, Some("bob"), 1);
                let outcome = backend.rotate(&digest(n), None, new).await.unwrap();
                assert!(matches!(outcome, RotateOutcome::Rotated { .. }));
            }
            "by id" => {
                let id = session(n, None, 0).record.id;
                assert!(
                    !backend
                        .delete_by_id(&UserKey::new(None, None, "bob"), &id)
                        .await
                        .unwrap()
                );
                assert!(backend.delete_by_id(&alice(), &id).await.unwrap());
                assert!(!backend.delete_by_id(&alice(), &id).await.unwrap());
            }
            _ => assert_eq!(backend.delete_all(&alice(), None).await.unwrap().len(), 1),
        }
        let touch = Touch {
            seen_at: at(1),
            expires_at: at(11),
        };
        assert!(!backend.touch(&digest(n), touch).await.unwrap(), "{how}");
        let outcome = backend.update(&digest(n), 1, data("x")).await.unwrap();
        assert!(matches!(outcome, UpdateOutcome::Gone), "{how}");
        let outcome = backend
            .rotate(&digest(n), None, session(n + 200, None, 1))
            .await;
        assert!(matches!(outcome.unwrap(), RotateOutcome::Gone), "{how}");
        assert!(backend.find(&digest(n)).await.unwrap().is_none(), "{how}");
        assert!(ids(&backend).await.is_empty(), "{how}");
    }
}

#[tokio::test]
async fn ses_10_x_21_a_touch_revives_nothing_and_does_not_pass_the_absolute_end() {
    let backend = MemorySessionBackend::new();
    let _ = backend.create(session(1, None, 0)).await.unwrap();
    let touch = |seen, expires| Touch {
        seen_at: at(seen),
        expires_at: at(expires),
    };
    assert!(backend.touch(&digest(1), touch(9, 19)).await.unwrap()); // t-1
    assert!(backend.touch(&digest(1), touch(5, 15)).await.unwrap()); // late, and earlier
    let record = backend.find(&digest(1)).await.unwrap().unwrap();
    assert_eq!((record.last_seen_at, record.expires_at), (at(9), at(19)));
    assert!(!backend.touch(&digest(1), touch(19, 29)).await.unwrap()); // t
    assert!(!backend.touch(&digest(1), touch(20, 30)).await.unwrap()); // t+1
    assert!(backend.touch(&digest(1), touch(18, 1_000)).await.unwrap());
    let record = backend.find(&digest(1)).await.unwrap().unwrap();
    assert_eq!(record.expires_at, at(100));
    let outcome = backend
        .rotate(&digest(1), None, session(2, None, 100))
        .await;
    assert!(matches!(outcome.unwrap(), RotateOutcome::Gone));
}

#[tokio::test]
async fn ses_19_a_cap_evicts_or_refuses() {
    let backend = MemorySessionBackend::new();
    for n in 1..=3 {
        let _ = backend
            .create(capped(n, 2, WhenFull::EvictOldest))
            .await
            .unwrap();
    }
    assert_eq!(ids(&backend).await, [2, 3]);
    let outcome = backend
        .create(capped(4, 2, WhenFull::Refuse))
        .await
        .unwrap();
    assert_eq!(outcome, CreateOutcome::Full);
    // The session that is replaced takes no place, and neither does one that has expired.
    let new = capped(5, 2, WhenFull::Refuse);
    let outcome = backend.rotate(&digest(3), None, new).await.unwrap();
    assert!(matches!(outcome, RotateOutcome::Rotated { .. }));
    let outcome = backend
        .create(capped(12, 2, WhenFull::Refuse))
        .await
        .unwrap();
    assert!(
        matches!(outcome, CreateOutcome::Created { .. }),
        "{outcome:?}"
    );
    assert_eq!(backend.len(), ids(&backend).await.len());
}

#[tokio::test]
async fn expired_sessions_give_their_memory_back() {
    let backend = MemorySessionBackend::with_capacity(1_000);
    for n in 0..1_000 {
        let _ = backend.create(session(n, Some("alice"), 0)).await.unwrap();
    }
    let error = backend.create(session(5_000, None, 9)).await.unwrap_err();
    assert_eq!(error.reason(), "session_memory_full");
    // Creating alone makes room again, shard by shard.
    for n in 1_000..1_100 {
        let _ = backend.create(session(n, Some("bob"), 100)).await.unwrap();
    }
    backend.remove_expired(at(100));
    assert_eq!(backend.len(), 100);
    assert!(ids(&backend).await.is_empty());
    backend.remove_expired(at(110));
    assert!(backend.is_empty());
    for user in ["alice", "bob"] {
        let user = UserKey::new(None, None, user);
        assert!(backend.users.lock(&[user]).places(&user).is_empty());
    }
}

#[tokio::test]
async fn a_full_backend_searches_everything_but_not_at_will() {
    let backend = MemorySessionBackend::with_capacity(100);
    for n in 0..100 {
        let _ = backend.create(session(n, Some("alice"), 0)).await.unwrap();
    }
    // Each lies in a shard that is not searched otherwise, as the first of it comes in.
    for n in 100..164 {
        backend.sessions.sweep(n % SessionShards::COUNT, at(9));
    }
    let outcome = backend.create(session(1_000, Some("bob"), 10)).await;
    assert!(matches!(outcome.unwrap(), CreateOutcome::Created { .. }));
    assert_eq!(backend.len(), 1);

    for n in 1_001..1_100 {
        let _ = backend.create(session(n, Some("bob"), 5)).await.unwrap();
    }
    for (now, expected) in [(14, false), (15, true)] {
        // Searched at 10; what was made at 5 is over at 15.
        let outcome = backend.create(session(2_000, Some("bob"), now)).await;
        assert_eq!(outcome.is_ok(), expected, "{now}");
    }
    assert_eq!(backend.len(), 2);
    // Full again, and searched a moment ago.
    for n in 3_000..3_098 {
        let _ = backend.create(session(n, Some("bob"), 7)).await.unwrap();
    }
    for (now, expected) in [(19, false), (20, true)] {
        let outcome = backend.create(session(4_000, Some("bob"), now)).await;
        assert_eq!(outcome.is_ok(), expected, "{now}");
    }
}

#[tokio::test]
async fn anonymous_sessions_lock_no_login_out() {
    let backend = MemorySessionBackend::with_capacity(100);
    for n in 0..75 {
        let _ = backend.create(session(n, None, 0)).await.unwrap();
    }
    let error = backend.create(session(75, None, 0)).await.unwrap_err();
    assert_eq!(error.reason(), "session_memory_full");
    for n in 100..125 {
        let _ = backend.create(session(n, Some("alice"), 0)).await.unwrap();
    }
    let error = backend.create(session(200, Some("alice"), 0)).await;
    assert_eq!(error.unwrap_err().reason(), "session_memory_full");

    // A login in the place of an anonymous session makes room for one of those, once another ends.
    let new = session(201, Some("alice"), 1);
    let outcome = backend.rotate(&digest(0), None, new).await.unwrap();
    assert!(matches!(outcome, RotateOutcome::Rotated { .. }));
    assert!(backend.delete(&digest(100)).await.unwrap());
    let _ = backend.create(session(75, None, 0)).await.unwrap();
    assert!(backend.create(session(76, None, 0)).await.is_err());
    for n in 1..=75 {
        assert!(backend.delete(&digest(n)).await.unwrap());
    }
    assert_eq!(backend.len(), 25);
    for n in 1..=75 {
        let _ = backend.create(session(n, None, 0)).await.unwrap();
    }
}

#[test]
fn without_a_cap_nobodys_sessions_are_looked_at() {
    let evicted = over_cap(None, || panic!("looked at"));
    assert_eq!(evicted.unwrap(), Some(Vec::new()));
}

#[tokio::test]
async fn ses_04_a_rotation_may_keep_the_id() {
    let backend = MemorySessionBackend::new();
    let _ = backend.create(session(1, Some("alice"), 0)).await.unwrap();
    let mut new = session(1, Some("alice"), 1);
    new.secret = digest(2);
    let outcome = backend.rotate(&digest(1), None, new).await.unwrap();
    assert!(matches!(outcome, RotateOutcome::Rotated { .. }));
    assert_eq!(ids(&backend).await, [1]);
    let id = session(1, None, 0).record.id;
    assert!(backend.delete_by_id(&alice(), &id).await.unwrap());
    assert!(backend.find(&digest(2)).await.unwrap().is_none());
    assert!(backend.is_empty());
}

/// Runs `task` for many numbers at once, on several threads.
async fn race<T: Send + 'static, F>(count: u32, task: impl Fn(u32) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
{
    let barrier = Arc::new(tokio::sync::Barrier::new(count as usize));
    let tasks: Vec<_> = (0..count)
        .map(|n| {
            let (barrier, future) = (Arc::clone(&barrier), task(n));
            tokio::spawn(async move {
                barrier.wait().await;
                future.await
            })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ses_19_parallel_logins_hold_the_cap() {
    for when_full in [WhenFull::Refuse, WhenFull::EvictOldest] {
        let backend = Arc::new(MemorySessionBackend::new());
        // Half of them take the place of an anonymous session.
        for n in (0..50).step_by(2) {
            let _ = backend.create(session(1_000 + n, None, 0)).await.unwrap();
        }
        let stored = race(50, |n| {
            let backend = Arc::clone(&backend);
            async move {
                let new = session(n, Some("alice"), 1).with_cap(SessionCap::new(3, when_full));
                if n % 2 == 0 {
                    let outcome = backend.rotate(&digest(1_000 + n), None, new).await;
                    matches!(outcome.unwrap(), RotateOutcome::Rotated { .. })
                } else {
                    let outcome = backend.create(new).await;
                    matches!(outcome.unwrap(), CreateOutcome::Created { .. })
                }
            }
        })
        .await;
        assert_eq!(ids(&backend).await.len(), 3, "{when_full:?}");
        let stored = stored.into_iter().filter(|stored| *stored).count();
        assert_eq!(stored, if when_full == WhenFull::Refuse { 3 } else { 50 });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_parallel_rotations_one_wins() {
    for round in 0..20 {
        let backend = Arc::new(MemorySessionBackend::new());
        let _ = backend
            .create(session(999, Some("alice"), 0))
            .await
            .unwrap();
        let results = race(16, |n| {
            let backend = Arc::clone(&backend);
            async move {
                if n == 0 {
                    // A logout everywhere, at the same time.
                    return usize::from(
                        !backend.delete_all(&alice(), None).await.unwrap().is_empty(),
                    );
                }
                let outcome = backend
                    .rotate(&digest(999), None, session(n, Some("alice"), 1))
                    .await;
                usize::from(matches!(outcome.unwrap(), RotateOutcome::Rotated { .. })) * 100
            }
        })
        .await;
        let rotated = results.iter().sum::<usize>() / 100;
        assert!(rotated <= 1, "round {round}");
        // What was ended everywhere is ended, under whichever secret it was by then.
        let left = ids(&backend).await.len();
        assert_eq!(left, backend.len(), "round {round}");
        assert!(left <= rotated, "round {round}");
        assert!(backend.find(&digest(999)).await.unwrap().is_none());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_updates_lose_nothing_and_revive_nothing() {
    let backend = Arc::new(MemorySessionBackend::new());
    let _ = backend.create(session(1, Some("alice"), 0)).await.unwrap();
    let updated = race(32, |_| {
        let backend = Arc::clone(&backend);
        async move {
            let mut version = 1;
            loop {
                match backend
                    .update(&digest(1), version, data("x"))
                    .await
                    .unwrap()
                {
                    UpdateOutcome::Updated { version } => return version,
                    UpdateOutcome::Changed(record) => version = record.version,
                    UpdateOutcome::Gone => panic!("nobody has ended it"),
                }
            }
        }
    })
    .await;
    let mut versions = updated;
    versions.sort_unstable();
    assert_eq!(versions, (2..=33).collect::<Vec<u64>>());

    race(32, |n| {
        let backend = Arc::clone(&backend);
        async move {
            if n == 7 {
                assert!(backend.delete(&digest(1)).await.unwrap());
            } else {
                let _ = backend.update(&digest(1), 33, data("y")).await.unwrap();
            }
        }
    })
    .await;
    assert!(backend.find(&digest(1)).await.unwrap().is_none());
    assert!(backend.is_empty());
}

#[tokio::test]
async fn the_slots_of_expired_sessions_are_given_back_too() {
    let backend = MemorySessionBackend::new();
    let users: Vec<String> = (0..500).map(|n| format!("user-{n}")).collect();
    let user = |n: u32| (n % 4 != 3).then(|| &*users[n as usize % users.len()]);
    for n in 0..10_000 {
        let now = if n % 20 == 7 || n % 20 == 9 { 50 } else { 0 };
        let _ = backend.create(session(n, user(n), now)).await.unwrap();
    }
    let slots = || {
        let shards = 0..SessionShards::COUNT;
        shards
            .map(|shard| backend.sessions.slots(shard))
            .sum::<usize>()
    };
    assert!(slots() >= 10_000);
    backend.remove_expired(at(50));
    assert_eq!(backend.len(), 1_000);
    assert!(slots() <= 4 * 1_000, "{}", slots());

    // They have moved, and are the same as before.
    for name in &users {
        let key = UserKey::new(None, None, name);
        let listed = backend.list(&key).await.unwrap().len();
        let expected =
            (0..10_000).filter(|n| (n % 20 == 7 || n % 20 == 9) && user(*n) == Some(name));
        assert_eq!(listed, expected.count(), "{name}");
    }
    for n in 0..10_000 {
        let found = backend.find(&digest(n)).await.unwrap();
        let survives = n % 20 == 7 || n % 20 == 9;
        assert_eq!(found.is_some(), survives, "{n}");
        if let Some(record) = found {
            assert_eq!(record.id, session(n, None, 0).record.id);
            assert_eq!(record.user().is_some(), user(n).is_some());
            assert!(backend.delete(&digest(n)).await.unwrap());
        }
    }
    assert!(backend.is_empty());
    backend.remove_expired(at(50));
    assert_eq!(slots(), 0);
    for name in &users {
        let user = UserKey::new(None, None, name);
        assert!(backend.users.lock(&[user]).places(&user).is_empty());
    }
}

#[tokio::test]
async fn what_is_kept_decoded_follows_every_change() {
    let backend = MemorySessionBackend::new();
    for n in 0..3_000 {
        let user = format!("user-{n}");
        let _ = backend.create(session(n, Some(&user), 0)).await.unwrap();
    }
    let ask = async |n| {
        for _ in 0..16 {
            let _ = backend.find(&digest(n)).await.unwrap();
        }
        backend.find(&digest(n)).await.unwrap()
    };
    for n in 0..3_000 {
        let _ = ask(n).await;
    }
    let decoded = (0..SessionShards::COUNT).map(|shard| backend.sessions.decoded(shard));
    let decoded: usize = decoded.sum();
    assert!((1_800..=2_048).contains(&decoded), "{decoded}");

    let n = 2_999;
    assert!(ask(n).await.is_some());
    let _ = backend.update(&digest(n), 1, data("new")).await.unwrap();
    let touch = Touch::new(at(3), at(13));
    assert!(backend.touch(&digest(n), touch).await.unwrap());
    let record = ask(n).await.unwrap();
    assert_eq!((record.version, &record.data), (2, &data("new")));
    assert_eq!((record.last_seen_at, record.expires_at), (at(3), at(13)));
    assert!(backend.delete(&digest(n)).await.unwrap());
    assert!(ask(n).await.is_none());

    // In its slot lies another one now.
    for n in 3_000..3_500 {
        let user = format!("user-{n}");
        let _ = backend.create(session(n, Some(&user), 0)).await.unwrap();
        let record = ask(n).await.unwrap();
        assert_eq!(record.user(), Some(UserKey::new(None, None, &user)));
    }
}
