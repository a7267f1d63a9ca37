use std::error::Error as _;
use std::future::pending;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use auth_layer::{MemoryRateCounters, ScopeSet};

use super::*;
use crate::password::pool::tests::{occupy, poll};
use crate::password::{CredentialEpoch, HashError, MemoryUserStore, PasswordHasher, Pepper};

/// A store that counts, and can be told to misbehave.
#[derive(Default)]
struct Store {
    users: MemoryUserStore,
    finds: AtomicUsize,
    replacements: AtomicUsize,
    find_fails_with: Mutex<Option<AuthError>>,
    replace_fails: bool,
    replace_hangs: bool,
    /// Set by somebody else between `find` and `replace_hash`.
    newer_hash: Mutex<Option<PasswordHash>>,
}

impl UserStore for Store {
    async fn find(&self, username: &str) -> Result<Option<UserRecord>, AuthError> {
        self.finds.fetch_add(1, Ordering::SeqCst);
        if let Some(error) = self.find_fails_with.lock().unwrap().clone() {
            return Err(error);
        }
        let found = self.users.find(username).await;
        if let Some(newer) = self.newer_hash.lock().unwrap().take() {
            self.users
                .update(username, |user| user.password_hash = Some(newer));
        }
        found
    }

    async fn replace_hash(
        &self,
        subject: &str,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, AuthError> {
        self.replacements.fetch_add(1, Ordering::SeqCst);
        if self.replace_hangs {
            pending::<()>().await;
        }
        if self.replace_fails {
            return Err(AuthError::unavailable("store_down"));
        }
        self.users.replace_hash(subject, old, new).await
    }
}

fn hash(password: &str) -> PasswordHash {
    PasswordHasher::fast().hash(password).unwrap()
}

/// Of other parameters than new ones.
fn old_hash(password: &str) -> PasswordHash {
    PasswordHasher::builder()
        .memory_kib(16)
        .iterations(1)
        .danger_allow_weak_parameters()
        .build()
        .unwrap()
        .hash(password)
        .unwrap()
}

fn login(store: &Arc<Store>) -> PasswordLogin {
    login_with(store, PasswordHasher::fast())
}

fn login_with(store: &Arc<Store>, hasher: PasswordHasher) -> PasswordLogin {
    PasswordLogin::builder(Arc::clone(store))
        .hash_pool(HashPool::builder(hasher).threads(1).build().unwrap())
        .clock(SharedClock::new(|| UNIX_EPOCH + Duration::from_secs(1_000)))
        .build()
        .unwrap()
}

fn store(users: impl IntoIterator<Item = (&'static str, UserRecord)>) -> Store {
    let store = Store::default();
    for (name, user) in users {
        store.users.insert(name, user);
    }
    store
}

async fn stored(store: &Store, username: &str) -> PasswordHash {
    let user = store.users.find(username).await.unwrap().unwrap();
    user.password_hash.unwrap()
}

async fn try_login(
    login: &PasswordLogin,
    username: &str,
    password: &str,
) -> Result<Identity, AuthError> {
    login
        .authenticate(PasswordCredentials::new(username, password))
        .await
}

#[tokio::test]
async fn the_identity_is_what_the_record_says() {
    let scopes: ScopeSet = "reports:read".parse().unwrap();
    let user = UserRecord::new("user-17")
        .with_password_hash(hash("right"))
        .with_tenant("acme")
        .with_role("editor")
        .with_role("admin")
        .with_scopes(scopes.clone())
        .with_credential_epoch(3);
    let store = Arc::new(store([("alice", user)]));
    let pool = HashPool::new(PasswordHasher::fast()).unwrap();
    let now = UNIX_EPOCH + Duration::from_secs(1_000);
    let login = PasswordLogin::builder(Arc::clone(&store))
        .hash_pool(pool)
        .issuer("https://id.example.com")
        .clock(SharedClock::new(move || now))
        .build()
        .unwrap();

    // As the Basic scheme asks it.
    let sent = PasswordCredentials::new("alice", "right");
    let identity = PasswordVerifier::verify(&login, sent).await.unwrap();
    assert_eq!(identity.scheme(), "password");
    assert_eq!(identity.subject(), "user-17");
    assert_eq!(identity.issuer(), Some("https://id.example.com"));
    assert_eq!(identity.tenant(), Some("acme"));
    assert_eq!(identity.roles().collect::<Vec<_>>(), ["editor", "admin"]);
    assert_eq!(identity.scopes(), &scopes);
    assert_eq!(identity.factors(), [Factor::new(FactorKind::Password, now)]);
    assert_eq!(identity.auth_time(), Some(now));
    assert_eq!(identity.extra(), Some(&CredentialEpoch::new(3)));
    assert_eq!(store.replacements.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn bas_01_failures_differ_in_the_log_and_nowhere_else() {
    let user = |name: &str| UserRecord::new(name).with_password_hash(hash("right"));
    let too_long = "x".repeat(1025);
    let cases = [
        ("alice", "wrong", "wrong_password"),
        ("alice", "", "wrong_password"),
        ("alice", &too_long, "password_too_long"),
        ("disabled", "right", "user_disabled"),
        ("disabled", "wrong", "wrong_password"),
        ("disabled", &too_long, "password_too_long"),
        ("nobody", "right", "unknown_user"),
        ("nobody", "", "unknown_user"),
        ("nobody", &too_long, "unknown_user"),
        ("", "", "unknown_user"),
        ("passkey", "right", "no_password"),
        ("passkey", "", "no_password"),
        ("empty", "right", "no_password"),
        ("empty", "", "no_password"),
        ("empty", &too_long, "no_password"),
    ];
    let pepper = || Pepper::new("k", [7; 32]).unwrap();
    let builder = || {
        PasswordHasher::builder()
            .memory_kib(8)
            .iterations(1)
            .danger_allow_weak_parameters()
    };
    for hasher in [
        builder().build().unwrap(),
        builder().pepper(pepper()).build().unwrap(),
    ] {
        let store = Arc::new(store([
            ("alice", user("1")),
            ("disabled", user("2").with_disabled(true)),
            ("passkey", UserRecord::new("3")),
            (
                "empty",
                UserRecord::new("4").with_password_hash(PasswordHash::new("")),
            ),
        ]));
        let login = login_with(&store, hasher.clone());
        for (username, password, reason) in cases {
            let error = try_login(&login, username, password).await.unwrap_err();
            assert_eq!(error.reason(), reason, "{username} {password}");
            assert_eq!(error.kind(), AuthErrorKind::Invalid, "{reason}");
            assert_eq!(error.code(), "invalid_credential", "{reason}");
            assert_eq!(error.retry_after(), None, "{reason}");
            // One hash, of the same cost, and one question to the store.
            assert_eq!(hasher.take_work(), ["argon2id m=8 t=1 p=1"], "{reason}");
            assert_eq!(store.finds.swap(0, Ordering::SeqCst), 1, "{reason}");
        }
        assert_eq!(store.replacements.load(Ordering::SeqCst), 0);
        assert!(try_login(&login, "alice", "right").await.is_ok());
    }
}

#[tokio::test]
async fn bas_05_a_busy_pool_answers_before_the_store_is_asked() {
    let store = Arc::new(store([(
        "alice",
        UserRecord::new("1").with_password_hash(hash("right")),
    )]));
    let pool = HashPool::builder(PasswordHasher::fast())
        .threads(1)
        .queue(1)
        .build()
        .unwrap();
    let login = PasswordLogin::builder(Arc::clone(&store))
        .hash_pool(pool.clone())
        .build()
        .unwrap();

    let gate = occupy(&pool);
    let mut waiting = Box::pin(try_login(&login, "alice", "right"));
    assert!(poll(&mut waiting).is_pending());
    assert_eq!(store.finds.swap(0, Ordering::SeqCst), 1);

    let error = try_login(&login, "alice", "right").await.unwrap_err();
    assert_eq!(error.kind(), AuthErrorKind::Unavailable);
    assert_eq!(error.reason(), "hashing_busy");
    assert!(error.retry_after().is_some());
    assert_eq!(store.finds.load(Ordering::SeqCst), 0);

    drop(gate);
    assert!(waiting.await.is_ok(), "who came in time gets in");
}

#[tokio::test]
async fn bas_05_a_busy_pool_costs_nobody_an_attempt() {
    let user = |subject| UserRecord::new(subject).with_password_hash(hash("right"));
    let store = Arc::new(store([("alice", user("1")), ("bob", user("2"))]));
    let pool = HashPool::builder(PasswordHasher::fast())
        .threads(1)
        .queue(1)
        .build()
        .unwrap();
    let limits = AttemptLimits::new("1/h/account", MemoryRateCounters::new()).unwrap();
    let login = PasswordLogin::builder(store)
        .hash_pool(pool.clone())
        .attempt_limits(limits)
        .build()
        .unwrap();

    let gate = occupy(&pool);
    let mut waiting = Box::pin(try_login(&login, "bob", "right"));
    assert!(poll(&mut waiting).is_pending());
    for _ in 0..3 {
        let error = try_login(&login, "alice", "wrong").await.unwrap_err();
        assert_eq!(error.reason(), "hashing_busy");
    }
    drop(gate);
    assert!(waiting.await.is_ok());
    assert!(try_login(&login, "alice", "right").await.is_ok());
}

#[tokio::test]
async fn x_19_a_name_that_is_too_long_is_nobody_and_no_store_is_asked() {
    let name = "a".repeat(512);
    let user = UserRecord::new("1").with_password_hash(hash("right"));
    let store = Arc::new(Store::default());
    store.users.insert(name.as_str(), user.clone());
    store.users.insert(format!("{name}a"), user);
    let login = login(&store);
    assert!(try_login(&login, &name, "right").await.is_ok());
    let error = try_login(&login, &format!("{name}a"), "right")
        .await
        .unwrap_err();
    assert_eq!(error.reason(), "unknown_user");
    assert_eq!(store.finds.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn bas_06_passwords_and_names_are_taken_as_they_are() {
    let store = Arc::new(store([(
        "alice",
        UserRecord::new("1").with_password_hash(hash(" Pass\0word ")),
    )]));
    let login = login(&store);
    for (username, password, is_right) in [
        ("alice", " Pass\0word ", true),
        ("alice", "Pass\0word", false),
        ("alice", " pass\0word ", false),
        ("alice", " Pass", false),
        ("Alice", " Pass\0word ", false),
        (" alice", " Pass\0word ", false),
    ] {
        let outcome = try_login(&login, username, password).await;
        assert_eq!(outcome.is_ok(), is_right, "{username:?} {password:?}");
    }
}

#[tokio::test]
async fn bas_07_an_outdated_hash_is_replaced_at_login() {
    let old = old_hash("right");
    let user = |subject| {
        UserRecord::new(subject)
            .with_password_hash(old.clone())
            .with_credential_epoch(3)
    };
    let store = Arc::new(store([
        ("alice", user("1")),
        ("disabled", user("2").with_disabled(true)),
    ]));
    let login = login(&store);

    for (username, password) in [("alice", "wrong"), ("disabled", "right")] {
        try_login(&login, username, password).await.unwrap_err();
        assert_eq!(stored(&store, username).await, old);
    }

    try_login(&login, "alice", "right").await.unwrap();
    let new = stored(&store, "alice").await;
    let hasher = PasswordHasher::fast();
    assert_eq!(
        hasher.verify("right", new.as_str()),
        Ok(Verification::Matches)
    );
    let epoch = store
        .users
        .find("alice")
        .await
        .unwrap()
        .unwrap()
        .credential_epoch;
    assert_eq!(epoch, Some(CredentialEpoch::new(3)));

    assert_eq!(stored(&store, "disabled").await, old);

    // And only once.
    try_login(&login, "alice", "right").await.unwrap();
    assert_eq!(stored(&store, "alice").await, new);
    assert_eq!(store.replacements.load(Ordering::SeqCst), 1);
}

#[cfg(feature = "legacy-hashes")]
#[tokio::test]
async fn bas_07_users_of_other_systems_are_brought_along() {
    for (password, foreign) in [
        (
            "Kk4DQuMMfZL9o",
            "$2b$04$cVWp4XaNU8a4v1uMRum2SO026BWLIoQMD/TXg5uZV.0P.uO8m3YEm",
        ),
        (
            "lètmein",
            "pbkdf2_sha256$20000$seasalt$oBSd886ysm3AqYun62DOdin8YcfbU1z9cksZSuLP9r0=",
        ),
        (
            "password",
            "$scrypt$ln=4,r=8,p=2$AAECAwQFBgcICQoLDA0ODw$TRiWeeDeVC4uJ60UObQ6CslAKt08jHGmaZ/5kFbjMS0",
        ),
    ] {
        let user = UserRecord::new("1").with_password_hash(PasswordHash::new(foreign));
        let store = Arc::new(store([("alice", user)]));
        let login = login(&store);
        try_login(&login, "alice", "wrong").await.unwrap_err();
        assert_eq!(stored(&store, "alice").await, PasswordHash::new(foreign));
        for _ in 0..2 {
            try_login(&login, "alice", password).await.unwrap();
            let new = stored(&store, "alice").await;
            assert!(new.as_str().starts_with("$argon2id$"), "{foreign}");
        }
        assert_eq!(store.replacements.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn bas_07_a_newer_hash_is_not_overwritten() {
    let user = UserRecord::new("1").with_password_hash(old_hash("right"));
    let store = Arc::new(store([("alice", user)]));
    let newer = hash("changed meanwhile");
    *store.newer_hash.lock().unwrap() = Some(newer.clone());
    try_login(&login(&store), "alice", "right").await.unwrap();
    assert_eq!(store.replacements.load(Ordering::SeqCst), 1);
    assert_eq!(stored(&store, "alice").await, newer);
}

#[tokio::test]
async fn bas_07_a_hash_that_cannot_be_checked_is_no_wrong_password() {
    for (text, reason) in [
        ("$6$salt$hash", "hash_unsupported"),
        ("right", "hash_unsupported"),
        ("$argon2id$v=19$m=8", "hash_malformed"),
        (
            "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "hash_exceeds_limits",
        ),
        (
            "$hmac-sha256$kid=lost$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "hash_unknown_key",
        ),
    ] {
        let user = UserRecord::new("1").with_password_hash(PasswordHash::new(text));
        let store = Arc::new(store([("alice", user)]));
        let error = try_login(&login(&store), "alice", "right")
            .await
            .unwrap_err();
        assert_eq!(error.kind(), AuthErrorKind::Unavailable, "{text}");
        assert_eq!(error.reason(), reason, "{text}");
        assert!(error.source().unwrap().is::<HashError>(), "{text}");
    }
}

#[tokio::test]
async fn x_06_a_store_that_cannot_be_asked_lets_nobody_in_and_calls_nothing_wrong() {
    let user = UserRecord::new("1").with_password_hash(hash("right"));
    let store = Arc::new(store([("alice", user)]));
    let login = login(&store);
    for (error, kind, reason) in [
        (
            AuthError::unavailable("down"),
            AuthErrorKind::Unavailable,
            "down",
        ),
        (
            AuthError::invalid("oops"),
            AuthErrorKind::Unavailable,
            "user_store_failed",
        ),
        (
            AuthError::absent("oops"),
            AuthErrorKind::Unavailable,
            "user_store_failed",
        ),
    ] {
        *store.find_fails_with.lock().unwrap() = Some(error);
        let error = try_login(&login, "alice", "right").await.unwrap_err();
        assert_eq!((error.kind(), error.reason()), (kind, reason));
    }
}

#[tokio::test]
async fn x_06_a_cancelled_login_leaves_the_old_hash() {
    let old = old_hash("right");
    let user = UserRecord::new("1").with_password_hash(old.clone());
    let store = Arc::new(Store {
        replace_hangs: true,
        ..store([("alice", user)])
    });
    let login = login(&store);
    {
        let attempt = try_login(&login, "alice", "right");
        tokio::pin!(attempt);
        while store.replacements.load(Ordering::SeqCst) == 0 {
            tokio::select! {
                biased;
                _ = &mut attempt => panic!("the store never answers"),
                () = tokio::task::yield_now() => {}
            }
        }
    }
    assert_eq!(stored(&store, "alice").await, old);
}

/// Whatever is logged on the way names neither password nor hash.
#[cfg(feature = "tracing")]
#[tokio::test]
async fn x_12_a_rehash_that_fails_is_logged_without_secrets() {
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let old = old_hash("correct horse");
    let user = UserRecord::new("user-17").with_password_hash(old.clone());
    let store = Arc::new(Store {
        replace_fails: true,
        ..store([("alice", user)])
    });
    let identity = try_login(&login(&store), "alice", "correct horse").await;
    assert_eq!(identity.unwrap().subject(), "user-17", "the login succeeds");
    assert_eq!(stored(&store, "alice").await, old);

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("was not replaced") && log.contains("user-17"),
        "{log}"
    );
    for secret in ["correct horse", "argon2id"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test]
async fn new_passwords_need_a_length_and_nothing_else() {
    let login = login(&Arc::new(Store::default()));
    for password in [
        "12345678",
        "aaaaaaaa",
        "        ",
        "пароль12",
        &"x".repeat(1024),
    ] {
        let hash = login.hash_new(password).await.unwrap();
        let outcome = login.hash_pool().verify(password, &hash).await.unwrap();
        assert_eq!(outcome, Verification::Matches, "{password}");
    }
    // Seven characters, though fourteen bytes.
    for password in ["", "1234567", "парольк"] {
        let error = login.hash_new(password).await.unwrap_err();
        assert!(matches!(error, NewPasswordError::TooShort { min: 8 }));
        assert_eq!(AuthError::from(error).reason(), "password_too_short");
    }
    let error = login.hash_new(&"x".repeat(1025)).await.unwrap_err();
    assert!(matches!(error, NewPasswordError::TooLong { max: 1024 }));
    assert_eq!(AuthError::from(error).kind(), AuthErrorKind::InvalidRequest);
}

#[test]
fn options_that_cannot_be_meant_are_named() {
    for len in [0, 7, 65] {
        let builder = PasswordLogin::builder(MemoryUserStore::new()).min_password_len(len);
        assert_eq!(builder.build().unwrap_err().option(), "min_password_len");
    }
}

#[test]
fn x_12_debug_shows_no_secret() {
    let user = UserRecord::new("1").with_password_hash(hash("right"));
    let text = format!("{user:?}");
    assert!(
        text.contains("[redacted]") && !text.contains("argon2id$"),
        "{text}"
    );
    let text = format!("{:?}", login(&Arc::new(store([("alice", user)]))));
    assert!(
        !text.contains("argon2id$") && !text.contains("alice"),
        "{text}"
    );
}

#[test]
fn traits() {
    fn assert<T: Send + Sync + Clone + Unpin + fmt::Debug + 'static>() {}
    assert::<PasswordLogin>();
    assert::<PasswordLoginBuilder>();
    assert::<SharedUserStore>();
    assert::<UserRecord>();
}
