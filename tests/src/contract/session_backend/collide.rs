//! Secrets and ids that are taken.

use session_layer::{CreateOutcome, RotateOutcome, SessionBackend};

use super::trial::{Trial, ids, same};
use super::verbs::{LIST, ROTATE};
use crate::contract::{answer, check};

const CREATE: &str = "create: if neither its secret nor its id is taken";

pub(super) async fn check_all<S: SessionBackend>(trial: &Trial<S>) {
    taken_secrets_collide(trial).await;
    taken_ids_collide(trial).await;
}

async fn taken_secrets_collide<S: SessionBackend>(trial: &Trial<S>) {
    let (ann, bob) = (trial.user(), trial.user());
    let first = trial.created(Some(&ann)).await;
    for user in [Some(&ann), Some(&bob), None] {
        let mut second = trial.session(user, 1);
        second.secret = first.secret;
        let outcome = answer(trial.store.create(second.clone()).await);
        check!(
            CREATE,
            outcome == CreateOutcome::Collided,
            "{outcome:?} for a taken secret"
        );

        let other = trial.created(user).await;
        let outcome = answer(trial.store.rotate(&other.secret, None, second).await);
        let collided = matches!(outcome, RotateOutcome::Collided);
        check!(ROTATE, collided, "{outcome:?} for a taken secret");
        check!(
            ROTATE,
            trial.is_found(&other).await,
            "the old session is gone after a collision"
        );
        answer(trial.store.delete(&other.secret).await);
    }
    let stored = trial.stored(&first).await;
    check!(
        CREATE,
        same(&stored, &first.record),
        "the session that was there has changed"
    );
    check!(
        LIST,
        trial.listed(&ann).await == ids(&[&first]),
        "after collisions"
    );
    check!(
        LIST,
        trial.listed(&bob).await.is_empty(),
        "after collisions"
    );
}

async fn taken_ids_collide<S: SessionBackend>(trial: &Trial<S>) {
    let user = trial.user();
    let first = trial.created(Some(&user)).await;
    let other = trial.created(Some(&user)).await;
    let mut second = trial.session(Some(&user), 1);
    second.record.id = first.record.id;

    let outcome = answer(trial.store.create(second.clone()).await);
    check!(
        CREATE,
        outcome == CreateOutcome::Collided,
        "{outcome:?} for a taken id"
    );
    check!(
        CREATE,
        !trial.is_found(&second).await,
        "stored in spite of the collision"
    );

    let outcome = answer(
        trial
            .store
            .rotate(&other.secret, None, second.clone())
            .await,
    );
    let collided = matches!(outcome, RotateOutcome::Collided);
    check!(
        "rotate: the new secret or the new id is taken",
        collided,
        "{outcome:?} for a taken id"
    );
    check!(
        ROTATE,
        !trial.is_found(&second).await,
        "stored in spite of the collision"
    );
    check!(
        ROTATE,
        trial.is_found(&other).await,
        "the old session is gone after a collision"
    );
    check!(
        LIST,
        trial.listed(&user).await == ids(&[&first, &other]),
        "after collisions"
    );
}
