//! Sessions in memory.

use std::rc::Rc;

use axum::Router;
use bench::sections::sessions::{contenders, in_memory, requests};
use bench::{Contender, Section};
use tokio::runtime::Runtime;
use tower_sessions::MemoryStore;

use crate::{axum_login_peer, axum_session_peer, log_in, tower_sessions_peer};

pub(crate) fn peer(runtime: &Runtime, name: &'static str, router: Router) -> Contender {
    let cookie = log_in(runtime, &router);
    Contender::router(name, router)
        .with_requests(requests(vec![cookie]))
        .sets_cookie()
}

pub(crate) fn section(runtime: &Runtime) -> Section {
    let mut contenders = contenders();
    contenders.push(in_memory(
        "`SessionLayer`, all of 1,000,000 in turn",
        1_000_000,
        true,
    ));
    let tower =
        |always_save| tower_sessions_peer::v015::router(MemoryStore::default(), always_save);
    let axum_login = axum_login_peer::router(tower_sessions_014::MemoryStore::default());
    contenders.extend([
        peer(runtime, "tower-sessions 0.15", tower(false)),
        peer(runtime, "tower-sessions 0.15, always_save", tower(true)),
        peer(runtime, "axum-login 0.18", axum_login),
        peer(
            runtime,
            "axum_session 0.22",
            axum_session_peer::router(runtime),
        ),
    ]);
    let (_, cookie) = bench::sections::sessions::session(
        0,
        bench::sections::sessions::USER,
        None,
        std::time::SystemTime::UNIX_EPOCH,
    );
    Section {
        title: "Session in memory, and the peers",
        steady: false,
        request: Rc::new(requests(vec![cookie])),
        contenders,
    }
}
