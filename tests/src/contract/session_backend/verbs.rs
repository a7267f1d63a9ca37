//! Each method alone.

use session_layer::{SessionBackend, SessionId, UserKey};

use super::trial::{Trial, ids, is_rotated, same};
use crate::contract::{answer, check, random};

const DELETE_ALL: &str = "delete_all: Ends all sessions of a user but one, and says which";
const DELETE_BY_ID: &str = "delete_by_id: false if this user has none of that id";
const FIND: &str = "find: Finds a session by the digest of its secret";
pub(super) const LIST: &str = "list: The sessions of a user";
pub(super) const ROTATE: &str = "rotate: Ends the session `old` and stores `new`, both or neither";

pub(super) async fn check_all<S: SessionBackend>(trial: &Trial<S>) {
    what_is_stored_is_found(trial).await;
    a_rotation_replaces(trial).await;
    nobody_ends_sessions_of_others(trial).await;
    all_but_one_end(trial).await;
}

async fn what_is_stored_is_found<S: SessionBackend>(trial: &Trial<S>) {
    let user = trial.user();
    for login in [Some(&user), None] {
        let session = trial.session(login, 0);
        check!(
            FIND,
            !trial.is_found(&session).await,
            "one that was never stored"
        );
        trial.create(&session).await;
        let stored = trial.stored(&session).await;
        check!(
            FIND,
            same(&stored, &session.record),
            "{stored:?} instead of {:?}",
            session.record
        );
        check!(
            FIND,
            stored.login.as_ref().map(UserKey::from) == login.map(UserKey::from),
            "logged in is {:?}",
            stored.login
        );
        let listed = answer(trial.store.list(&UserKey::from(&user)).await);
        check!(
            LIST,
            listed.len() == 1,
            "{} sessions instead of 1",
            listed.len()
        );
        let ours = if login.is_some() {
            &session.record
        } else {
            continue;
        };
        check!(LIST, same(&listed[0], ours), "{:?}", listed[0]);
    }
    check!(
        LIST,
        trial.listed(&trial.user()).await.is_empty(),
        "of a user who has none"
    );

    let session = trial.created(Some(&user)).await;
    check!(
        "delete: Ends a session",
        answer(trial.store.delete(&session.secret).await),
        "false"
    );
    let again = answer(trial.store.delete(&session.secret).await);
    check!(
        "delete: false if there was none",
        !again,
        "true for one that has ended"
    );
    check!(
        FIND,
        !trial.is_found(&session).await,
        "one that was deleted"
    );
    check!(
        LIST,
        trial.listed(&user).await.len() == 1,
        "one that was deleted"
    );
}

async fn a_rotation_replaces<S: SessionBackend>(trial: &Trial<S>) {
    let user = trial.user();
    for (from, to) in [
        (None, Some(&user)),
        (Some(&user), Some(&user)),
        (Some(&user), None),
    ] {
        let old = trial.created(from).await;
        let mut new = trial.session(to, 1);
        new.record.version = 7;
        let outcome = answer(trial.store.rotate(&old.secret, None, new.clone()).await);
        check!(ROTATE, is_rotated(&outcome), "{outcome:?}");
        check!(
            ROTATE,
            !trial.is_found(&old).await,
            "the old session is still there"
        );
        let stored = trial.stored(&new).await;
        check!(
            ROTATE,
            same(&stored, &new.record),
            "{stored:?} instead of {:?}",
            new.record
        );
        let expected = if to.is_some() { ids(&[&new]) } else { vec![] };
        check!(
            LIST,
            trial.listed(&user).await == expected,
            "after a rotation"
        );
        check!(
            ROTATE,
            answer(trial.store.delete(&new.secret).await),
            "the new session cannot end"
        );
        check!(
            LIST,
            trial.listed(&user).await.is_empty(),
            "after a rotation and its end"
        );
    }

    // The same id under another secret.
    let old = trial.created(Some(&user)).await;
    let mut new = trial.session(Some(&user), 1);
    new.record.id = old.record.id;
    let outcome = answer(trial.store.rotate(&old.secret, None, new.clone()).await);
    check!(
        ROTATE,
        is_rotated(&outcome),
        "{outcome:?} for the id of the session that ends"
    );
    check!(
        LIST,
        trial.listed(&user).await == ids(&[&new]),
        "after a rotation"
    );
}

async fn nobody_ends_sessions_of_others<S: SessionBackend>(trial: &Trial<S>) {
    let (ann, bob) = (trial.user(), trial.user());
    let (of_ann, of_bob) = (
        trial.created(Some(&ann)).await,
        trial.created(Some(&bob)).await,
    );
    let nobodys = trial.created(None).await;
    let by_id = async |user, id: &SessionId| {
        answer(trial.store.delete_by_id(&UserKey::from(user), id).await)
    };
    for id in [
        of_bob.record.id,
        nobodys.record.id,
        SessionId::from_bytes(random()),
    ] {
        check!(
            DELETE_BY_ID,
            !by_id(&ann, &id).await,
            "true for a session of somebody else"
        );
    }
    // The same name within another issuer or tenant is somebody else.
    let namesake = ann.to_builder().issuer("https://other.example").build();
    check!(
        DELETE_BY_ID,
        !by_id(&namesake, &of_ann.record.id).await,
        "true for a namesake"
    );
    let ended = answer(
        trial
            .store
            .delete_all(&UserKey::from(&namesake), None)
            .await,
    );
    check!(
        DELETE_ALL,
        ended.is_empty(),
        "sessions of a namesake: {ended:?}"
    );
    for session in [&of_ann, &of_bob, &nobodys] {
        check!(
            DELETE_BY_ID,
            trial.is_found(session).await,
            "it has ended nevertheless"
        );
    }

    check!(
        DELETE_BY_ID,
        by_id(&ann, &of_ann.record.id).await,
        "false for a session of the user"
    );
    check!(
        DELETE_BY_ID,
        !by_id(&ann, &of_ann.record.id).await,
        "true for one that has ended"
    );
    check!(
        DELETE_BY_ID,
        !trial.is_found(&of_ann).await,
        "the session is still there"
    );
}

async fn all_but_one_end<S: SessionBackend>(trial: &Trial<S>) {
    let (ann, bob) = (trial.user(), trial.user());
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(trial.created(Some(&ann)).await);
    }
    let of_bob = trial.created(Some(&bob)).await;
    let end = async |except: Option<&SessionId>| {
        let mut ended = answer(trial.store.delete_all(&UserKey::from(&ann), except).await);
        ended.sort_unstable();
        ended
    };

    let (kept, others) = (&sessions[0], ids(&sessions[1..].iter().collect::<Vec<_>>()));
    let ended = end(Some(&kept.record.id)).await;
    check!(
        DELETE_ALL,
        ended == others,
        "{ended:?} instead of {others:?}"
    );
    check!(
        DELETE_ALL,
        trial.is_found(kept).await,
        "the excepted one has ended"
    );
    for session in &sessions[1..] {
        check!(
            DELETE_ALL,
            !trial.is_found(session).await,
            "one is still there"
        );
    }
    check!(
        DELETE_ALL,
        trial.listed(&ann).await == ids(&[kept]),
        "the list differs"
    );

    // An exception that is not the user's excepts nothing.
    let ended = end(Some(&of_bob.record.id)).await;
    check!(DELETE_ALL, ended == ids(&[kept]), "{ended:?}");
    check!(
        DELETE_ALL,
        end(None).await.is_empty(),
        "of a user who has none"
    );
    check!(
        DELETE_ALL,
        trial.is_found(&of_bob).await,
        "a session of somebody else has ended"
    );

    let later = trial.created(Some(&ann)).await;
    check!(
        "delete_all: A login that comes later is not affected",
        trial.is_found(&later).await,
        ""
    );
}
