//! What a client learns of a login: with the Basic scheme, from request to response.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::convert::Infallible;

use auth_layer::basic::Basic;
use auth_layer::{AuthError, AuthLayer, Identity};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use login::password::{
    HashPool, MemoryUserStore, PasswordHash, PasswordHasher, PasswordLogin, UserRecord, UserStore,
};
use tower::{Layer as _, ServiceExt as _, service_fn};

/// The smallest parameters there are: none of this is about argon2.
fn hasher() -> PasswordHasher {
    PasswordHasher::builder()
        .memory_kib(8)
        .iterations(1)
        .danger_allow_weak_parameters()
        .build()
        .unwrap()
}

fn login(users: impl UserStore) -> PasswordLogin {
    let pool = HashPool::builder(hasher()).threads(1).build().unwrap();
    PasswordLogin::builder(users)
        .hash_pool(pool)
        .build()
        .unwrap()
}

/// Answers with the subject.
async fn whoami(req: Request<Bytes>) -> Result<Response<Bytes>, Infallible> {
    let identity = req.extensions().get::<Identity>();
    let subject = identity.map_or("anonymous", Identity::subject);
    Ok(Response::new(Bytes::copy_from_slice(subject.as_bytes())))
}

async fn send(login: &PasswordLogin, username: &str, password: &str) -> Response<Bytes> {
    let layer = AuthLayer::new(Basic::new("door", login.clone()));
    let pair = STANDARD.encode(format!("{username}:{password}"));
    let req = Request::builder()
        .uri("https://example.com/")
        .header(AUTHORIZATION, format!("Basic {pair}"))
        .body(Bytes::new())
        .unwrap();
    layer.layer(service_fn(whoami)).oneshot(req).await.unwrap()
}

#[tokio::test]
async fn bas_01_a_client_cannot_tell_failures_apart() {
    let hash = hasher().hash("right").unwrap();
    let users = MemoryUserStore::new();
    let user = |subject| UserRecord::new(subject).with_password_hash(hash.clone());
    users.insert("alice", user("1"));
    users.insert("disabled", user("2").with_disabled(true));
    users.insert("passkey", UserRecord::new("3"));
    let login = login(users);

    let res = send(&login, "alice", "right").await;
    assert_eq!((res.status(), &res.body()[..]), (StatusCode::OK, &b"1"[..]));

    let expected = send(&login, "alice", "wrong").await;
    assert_eq!(expected.status(), StatusCode::UNAUTHORIZED);
    for (username, password) in [
        ("alice", ""),
        ("alice", &*"x".repeat(2000)),
        ("disabled", "right"),
        ("disabled", "wrong"),
        ("passkey", ""),
        ("nobody", "right"),
        ("", ""),
    ] {
        let res = send(&login, username, password).await;
        assert_eq!(res.status(), expected.status(), "{username}");
        assert_eq!(res.headers(), expected.headers(), "{username}");
        assert_eq!(res.body(), expected.body(), "{username}");
    }
}

#[tokio::test]
async fn x_06_what_cannot_be_checked_is_503() {
    let users = MemoryUserStore::new();
    let unknown = PasswordHash::new("$6$salt$hash");
    users.insert("alice", UserRecord::new("1").with_password_hash(unknown));
    let res = send(&login(users), "alice", "right").await;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);

    struct Broken;
    impl UserStore for Broken {
        async fn find(&self, _: &str) -> Result<Option<UserRecord>, AuthError> {
            Err(AuthError::invalid(
                "a store that calls its own failure a wrong password",
            ))
        }
        async fn replace_hash(
            &self,
            _: &str,
            _: &PasswordHash,
            _: &PasswordHash,
        ) -> Result<bool, AuthError> {
            Ok(false)
        }
    }
    let res = send(&login(Broken), "alice", "right").await;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
}
