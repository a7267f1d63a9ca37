use proptest::prelude::*;

use super::*;
use Verification::{Matches, MatchesOutdated, Mismatches};

const SALT: &str = "c29tZXNhbHRzb21lc2FsdA";
const OUTPUT: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn weak() -> PasswordHasherBuilder {
    PasswordHasher::builder()
        .memory_kib(8)
        .iterations(1)
        .danger_allow_weak_parameters()
}

fn pepper(id: &str) -> Pepper {
    Pepper::new(id, id.repeat(32)).unwrap()
}

#[test]
fn new_hashes_are_argon2id_with_the_default_parameters() {
    let hasher = PasswordHasher::new();
    let hash = hasher.hash("correct horse").unwrap();
    let rest = hash
        .as_str()
        .strip_prefix("$argon2id$v=19$m=19456,t=2,p=1$")
        .unwrap();
    let (salt, output) = rest.split_once('$').unwrap();
    assert_eq!((salt.len(), output.len()), (22, 43));
    assert_ne!(hash, hasher.hash("correct horse").unwrap(), "another salt");
    assert_eq!(hasher.verify("correct horse", hash.as_str()), Ok(Matches));
    assert_eq!(hasher.verify("wrong", hash.as_str()), Ok(Mismatches));
}

#[test]
fn bas_06_every_byte_of_a_password_counts() {
    let hasher = PasswordHasher::fast();
    let hash = hasher.hash("Pass\0word é ").unwrap();
    for (password, outcome) in [
        ("Pass\0word é ", Matches),
        ("Pass\0word é", Mismatches),
        (" Pass\0word é ", Mismatches),
        ("Pass\0word é \0", Mismatches),
        ("Pass\0word e\u{301} ", Mismatches),
        ("pass\0word é ", Mismatches),
        ("Pass\0", Mismatches),
        ("Pass", Mismatches),
        ("", Mismatches),
    ] {
        let found = hasher.verify(password, hash.as_str());
        assert_eq!(found, Ok(outcome), "{password:?}");
    }
}

#[test]
fn bas_07_an_empty_hash_matches_nothing() {
    let hasher = PasswordHasher::fast();
    for password in ["", "x"] {
        assert_eq!(hasher.verify(password, ""), Ok(Mismatches), "{password:?}");
    }
    let memory = &mut Memory::new();
    for password in [None, Some(&b""[..]), Some(&b"x"[..])] {
        assert_eq!(hasher.verify_in(memory, password, None), Ok(Mismatches));
        assert_eq!(hasher.verify_in(memory, password, Some("")), Ok(Mismatches));
    }
}

#[test]
fn bas_07_outdated_hashes_match_and_want_to_be_replaced() {
    let hasher = weak()
        .memory_kib(16)
        .iterations(2)
        .previous_pepper(pepper("k"))
        .build()
        .unwrap();
    for (builder, outcome) in [
        (weak().memory_kib(16).iterations(2), Matches),
        (weak().memory_kib(8).iterations(2), MatchesOutdated),
        (weak().memory_kib(32).iterations(2), MatchesOutdated),
        (weak().memory_kib(16).iterations(1), MatchesOutdated),
        (
            weak().memory_kib(16).iterations(2).lanes(2),
            MatchesOutdated,
        ),
        (
            weak().memory_kib(16).iterations(2).pepper(pepper("k")),
            MatchesOutdated,
        ),
    ] {
        let hash = builder.build().unwrap().hash("right").unwrap();
        let hash = hash.as_str();
        assert_eq!(hasher.verify("right", hash), Ok(outcome), "{hash}");
        assert_eq!(hasher.verify("wrong", hash), Ok(Mismatches), "{hash}");
    }

    // The reference implementation's own, of other variants and of the older version.
    for hash in [
        "$argon2i$m=256,t=2,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY",
        "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8",
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
    ] {
        assert_eq!(
            hasher.verify("password", hash),
            Ok(MatchesOutdated),
            "{hash}"
        );
    }
}

#[test]
fn bas_07_what_cannot_be_checked_is_an_error() {
    use HashErrorKind::{Malformed, UnknownKey, Unsupported};

    let hasher = weak().pepper(pepper("k")).build().unwrap();
    for (hash, kind) in [
        ("plaintext".to_owned(), Unsupported),
        (" ".to_owned(), Unsupported),
        ("$".to_owned(), Unsupported),
        ("$$".to_owned(), Unsupported),
        ("$1$salt$hash".to_owned(), Unsupported),
        ("$6$salt$hash".to_owned(), Unsupported),
        ("$argon2$x".to_owned(), Unsupported),
        ("$ARGON2ID$x".to_owned(), Unsupported),
        (
            "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW".to_owned(),
            Unsupported,
        ),
        ("$hmac-sha256$x".to_owned(), Unsupported),
        ("$argon2id".to_owned(), Malformed),
        (format!("$argon2id$v=19$m=8,t=1,p=1${SALT}"), Malformed),
        (format!("$argon2id$v=19$m=8,t=1,p=1${SALT}$"), Malformed),
        (
            format!("$argon2id$v=19$m=8,t=1,p=1${SALT}$c2hvcnRzaG9ydA"),
            Malformed,
        ),
        (format!("$argon2id$v=19$m=8,t=1,p=1$${OUTPUT}"), Malformed),
        (
            format!("$argon2id$v=19$m=8,t=1,p=1${SALT}${OUTPUT}$"),
            Malformed,
        ),
        (
            format!("$argon2id$v=19$m=8,t=1,p=1${SALT}${OUTPUT}\n"),
            Malformed,
        ),
        (format!("$argon2id$v=19${SALT}${OUTPUT}"), Malformed),
        (format!("$argon2id$v=19$m=8,t=1${SALT}${OUTPUT}"), Malformed),
        (
            format!("$argon2id$v=19$m=8,t=1,p=1,p=1${SALT}${OUTPUT}"),
            Malformed,
        ),
        (
            format!("$argon2id$v=19$m=8,t=0,p=1${SALT}${OUTPUT}"),
            Malformed,
        ),
        (
            format!("$argon2id$v=19$m=8,t=1,p=0${SALT}${OUTPUT}"),
            Malformed,
        ),
        (
            format!("$argon2id$v=19$m=8,t=1,p=2${SALT}${OUTPUT}"),
            Malformed,
        ),
        (
            format!("$argon2id$v=19$m=7,t=1,p=1${SALT}${OUTPUT}"),
            Malformed,
        ),
        (
            format!("$argon2id$v=19$m=-8,t=1,p=1${SALT}${OUTPUT}"),
            Malformed,
        ),
        (
            format!("$argon2id$v=18$m=8,t=1,p=1${SALT}${OUTPUT}"),
            Unsupported,
        ),
        (
            format!("$argon2id$v=19$m=8,t=1,p=1,keyid=Zm8${SALT}${OUTPUT}"),
            Unsupported,
        ),
        (
            format!("$hmac-sha256$kid=$argon2id$v=19$m=8,t=1,p=1${SALT}${OUTPUT}"),
            Malformed,
        ),
        (
            format!("$hmac-sha256$kid=x$argon2id$v=19$m=8,t=1,p=1${SALT}${OUTPUT}"),
            UnknownKey,
        ),
        (
            format!("$hmac-sha256$kid=k$hmac-sha256$kid=k$argon2id$x${SALT}"),
            Malformed,
        ),
        ("$hmac-sha256$kid=k".to_owned(), Malformed),
    ] {
        for password in ["", "plaintext", "password"] {
            let error = hasher.verify(password, &hash).unwrap_err();
            assert_eq!(error.kind(), kind, "{hash:?}: {error}");
        }
    }
}

#[test]
fn bas_05_hostile_parameters_are_not_paid_for() {
    let hasher = PasswordHasher::new();
    let hashes = [
        format!("$argon2id$v=19$m=4294967295,t=1,p=1${SALT}${OUTPUT}"),
        format!("$argon2id$v=19$m=262145,t=1,p=1${SALT}${OUTPUT}"),
        format!("$argon2id$v=19$m=8,t=4294967295,p=1${SALT}${OUTPUT}"),
        format!("$argon2id$v=19$m=8,t=33,p=1${SALT}${OUTPUT}"),
        format!("$argon2id$v=19$m=262144,t=1,p=16777215${SALT}${OUTPUT}"),
        #[cfg(feature = "bcrypt")]
        "$2b$31$cVWp4XaNU8a4v1uMRum2SO026BWLIoQMD/TXg5uZV.0P.uO8m3YEm".to_owned(),
        #[cfg(feature = "bcrypt")]
        "$2b$17$cVWp4XaNU8a4v1uMRum2SO026BWLIoQMD/TXg5uZV.0P.uO8m3YEm".to_owned(),
        #[cfg(feature = "scrypt")]
        format!("$scrypt$ln=63,r=8,p=1${SALT}${OUTPUT}"),
        #[cfg(feature = "scrypt")]
        format!("$scrypt$ln=64,r=8,p=1${SALT}${OUTPUT}"),
        #[cfg(feature = "scrypt")]
        format!("$scrypt$ln=4294967295,r=4294967295,p=4294967295${SALT}${OUTPUT}"),
        #[cfg(feature = "scrypt")]
        format!("$scrypt$ln=19,r=8,p=1${SALT}${OUTPUT}"),
        #[cfg(feature = "scrypt")]
        format!("$scrypt$ln=4,r=65,p=1${SALT}${OUTPUT}"),
        #[cfg(feature = "scrypt")]
        format!("$scrypt$ln=4,r=8,p=17${SALT}${OUTPUT}"),
        #[cfg(feature = "pbkdf2")]
        format!("$pbkdf2-sha256$i=4294967295${SALT}${OUTPUT}"),
        #[cfg(feature = "pbkdf2")]
        format!("$pbkdf2-sha512$5000001${SALT}${OUTPUT}"),
        #[cfg(feature = "pbkdf2")]
        format!("pbkdf2_sha256$4294967295$salt${OUTPUT}="),
    ];
    for hash in hashes {
        let error = hasher.verify("x", &hash).unwrap_err();
        assert_eq!(error.kind(), HashErrorKind::ExceedsLimits, "{hash}");
    }
    assert_eq!(hasher.take_work(), Vec::<String>::new());
}

#[cfg(feature = "legacy-hashes")]
#[test]
fn bas_07_malformed_hashes_of_older_kinds_are_errors() {
    let hasher = weak().pepper(pepper("k")).build().unwrap();
    for hash in [
        "$2b$".to_owned(),
        "$2b$4$cVWp4XaNU8a4v1uMRum2SO026BWLIoQMD/TXg5uZV.0P.uO8m3YEm".to_owned(),
        "$2b$+4$cVWp4XaNU8a4v1uMRum2SO026BWLIoQMD/TXg5uZV.0P.uO8m3YEm".to_owned(),
        "$2b$03$cVWp4XaNU8a4v1uMRum2SO026BWLIoQMD/TXg5uZV.0P.uO8m3YEm".to_owned(),
        "$2b$04$cVWp4XaNU8a4v1uMRum2SO026BWLIoQMD/TXg5uZV.0P.uO8m3YE".to_owned(),
        "$2b$04$cVWp4XaNU8a4v1uMRum2SO026BWLIoQMD/TXg5uZV.0P.uO8m3YEm ".to_owned(),
        "$2b$04$cVWp4XaNU8a4v1uMRum2SO026BWLIoQMD/TXg5uZV.0P.uO8m3Y\u{e9}".to_owned(),
        "$hmac-sha256$kid=k$2b$04$cVWp4XaNU8a4v1uMRum2SO026BWLIoQMD/TXg5uZV.0P.uO8m3YEm".to_owned(),
        format!("$scrypt$ln=4,r=8${SALT}${OUTPUT}"),
        format!("$scrypt$v=1$ln=4,r=8,p=1${SALT}${OUTPUT}"),
        format!("$scrypt$ln=0,r=8,p=1${SALT}${OUTPUT}"),
        format!("$scrypt$ln=4,r=0,p=1${SALT}${OUTPUT}"),
        format!("$scrypt$ln=4,r=8,p=0${SALT}${OUTPUT}"),
        format!("$scrypt$ln=4,r=8,p=1${SALT}"),
        format!("$pbkdf2-sha256$i=0${SALT}${OUTPUT}"),
        format!("$pbkdf2-sha256$i=1,l=64${SALT}${OUTPUT}"),
        format!("$pbkdf2-sha256$i=1,i=1${SALT}${OUTPUT}"),
        format!("$pbkdf2-sha256$l=32${SALT}${OUTPUT}"),
        format!("$pbkdf2-sha256$+1${SALT}${OUTPUT}"),
        format!("$pbkdf2-sha256$${SALT}${OUTPUT}"),
        format!("$pbkdf2-sha256$1$${OUTPUT}"),
        format!("$pbkdf2-sha256$1${SALT}$"),
        format!("$pbkdf2-sha256$1${SALT}$c2hvcnQ"),
        format!("$pbkdf2-sha256$1${SALT}${OUTPUT}$"),
        "pbkdf2_sha256$1$salt".to_owned(),
        "pbkdf2_sha256$1$salt$".to_owned(),
    ] {
        let error = hasher.verify("", &hash).unwrap_err();
        assert_eq!(error.kind(), HashErrorKind::Malformed, "{hash}: {error}");
    }
}

#[test]
fn bas_05_an_over_long_password_mismatches_after_the_same_work() {
    let hasher = weak().max_password_len(64).build().unwrap();
    let longest = "x".repeat(64);
    let too_long = "x".repeat(65);
    let error = hasher.hash(&too_long).unwrap_err();
    assert_eq!(error.kind(), HashErrorKind::PasswordTooLong);

    let hash = hasher.hash(&longest).unwrap();
    assert_eq!(hasher.verify(&longest, hash.as_str()), Ok(Matches));
    let work = hasher.take_work();
    for password in [&too_long, &"x".repeat(1_000_000)] {
        assert_eq!(hasher.verify(password, hash.as_str()), Ok(Mismatches));
        assert_eq!(hasher.take_work(), work);
    }

    // What is compared in its stead is no password either.
    let empty = hasher.hash("").unwrap();
    assert_eq!(hasher.verify(&too_long, empty.as_str()), Ok(Mismatches));
}

#[cfg(feature = "bcrypt")]
#[test]
fn bas_05_bcrypt_passwords_are_not_truncated() {
    let hasher = PasswordHasher::new();
    let whole = "x".repeat(72);
    let hash = bcrypt_hash(whole.as_bytes());
    assert_eq!(hasher.verify(&whole, &hash), Ok(MatchesOutdated));
    for other in ["x".repeat(71), "x".repeat(73), format!("{whole}y")] {
        assert_eq!(hasher.verify(&other, &hash), Ok(Mismatches), "{other}");
    }
    // Bcrypt reads `a` as a\0a\0a\0.. to 72 bytes.
    let hash = bcrypt_hash(b"a");
    assert_eq!(hasher.verify("a", &hash), Ok(MatchesOutdated));
    assert_eq!(hasher.verify("a\0a", &hash), Ok(Mismatches));
    // That a password has a NUL in it is no harm in itself.
    let hash = bcrypt_hash(b"a\0b");
    assert_eq!(hasher.verify("a\0b", &hash), Ok(MatchesOutdated));
    for other in ["a", "a\0b\0a\0b", "a\0"] {
        assert_eq!(hasher.verify(other, &hash), Ok(Mismatches), "{other:?}");
    }
    // What is compared in their stead is no password either.
    let hash = bcrypt_hash(b"");
    assert_eq!(hasher.verify("", &hash), Ok(MatchesOutdated));
    for other in ["\0", "\0\0", &"x".repeat(73)] {
        assert_eq!(hasher.verify(other, &hash), Ok(Mismatches), "{other:?}");
    }
    let work = hasher.take_work();
    assert!(work.iter().all(|work| work == "bcrypt 4"), "{work:?}");
    assert_eq!(work.len(), 14);
}

#[cfg(feature = "bcrypt")]
fn bcrypt_hash(password: &[u8]) -> String {
    ::bcrypt::hash_with_salt(password, 4, [7; 16])
        .unwrap()
        .format_for_version(::bcrypt::Version::TwoB)
}

#[test]
fn keys_change_without_locking_anybody_out() {
    let plain = weak().build().unwrap();
    let first = weak().pepper(pepper("one")).build().unwrap();
    let second = weak()
        .pepper(pepper("two"))
        .previous_pepper(pepper("one"))
        .build()
        .unwrap();
    let hash = |hasher: &PasswordHasher| hasher.hash("right").unwrap();
    let by = [hash(&plain), hash(&first), hash(&second)];
    for (hasher, outcomes) in [
        (&plain, [Some(Matches), None, None]),
        (&first, [Some(MatchesOutdated), Some(Matches), None]),
        (
            &second,
            [Some(MatchesOutdated), Some(MatchesOutdated), Some(Matches)],
        ),
    ] {
        for (hash, outcome) in by.iter().zip(outcomes) {
            let found = hasher.verify("right", hash.as_str());
            assert_eq!(found.ok(), outcome, "{hash:?}");
            let found = hasher.verify("wrong", hash.as_str());
            assert_eq!(found.ok(), outcome.map(|_| Mismatches));
        }
    }
}

#[test]
fn a_hash_under_a_key_needs_that_key() {
    let hasher = weak().pepper(pepper("k")).build().unwrap();
    let sealed = hasher.hash("right").unwrap();
    let inner = sealed.as_str().strip_prefix("$hmac-sha256$kid=k").unwrap();
    assert_eq!(hasher.verify("right", inner), Ok(Mismatches), "no envelope");

    let other = Pepper::new("k", [9; 32]).unwrap();
    let other = weak().pepper(other).build().unwrap();
    assert_eq!(other.verify("right", sealed.as_str()), Ok(Mismatches));
}

#[test]
fn options_that_cannot_be_meant_are_named() {
    for (builder, option) in [
        (PasswordHasher::builder().memory_kib(19_455), "memory_kib"),
        (PasswordHasher::builder().memory_kib(0), "memory_kib"),
        (PasswordHasher::builder().iterations(1), "memory_kib"),
        (PasswordHasher::builder().memory_kib(262_145), "memory_kib"),
        (weak().memory_kib(7), "memory_kib"),
        (weak().lanes(2), "memory_kib"),
        (PasswordHasher::builder().iterations(0), "iterations"),
        (PasswordHasher::builder().iterations(33), "iterations"),
        (PasswordHasher::builder().lanes(0), "lanes"),
        (PasswordHasher::builder().lanes(17), "lanes"),
        (
            PasswordHasher::builder().max_password_len(63),
            "max_password_len",
        ),
        (
            PasswordHasher::builder().max_password_len(4097),
            "max_password_len",
        ),
        (
            weak().pepper(pepper("k")).previous_pepper(pepper("k")),
            "previous_pepper",
        ),
    ] {
        let error = builder.clone().build().unwrap_err();
        assert_eq!(error.option(), option, "{builder:?}");
    }
    for (memory, iterations) in [
        (47_104, 1),
        (19_456, 2),
        (12_288, 3),
        (9_216, 4),
        (7_168, 5),
    ] {
        PasswordHasher::builder()
            .memory_kib(memory)
            .iterations(iterations)
            .build()
            .unwrap();
    }
}

#[test]
fn kept_memory_does_not_change_a_hash() {
    let memory = &mut Memory::new();
    let hasher = weak().memory_kib(64).build().unwrap();
    let one = hasher.hash_in(memory, b"one").unwrap();
    let two = hasher.hash_in(memory, b"two").unwrap();
    // A larger and a smaller one in between.
    for hash in [
        "$argon2i$m=256,t=2,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY",
        one.as_str(),
        "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
        two.as_str(),
    ] {
        let password: &[u8] = match hash {
            _ if hash == one.as_str() => b"one",
            _ if hash == two.as_str() => b"two",
            _ => b"password",
        };
        let kept = hasher
            .verify_in(memory, Some(password), Some(hash))
            .unwrap();
        assert!(kept.is_match(), "{hash}");
        assert_eq!(hasher.verify(password, hash), Ok(kept), "{hash}");
    }
}

#[test]
fn x_12_debug_shows_no_secret() {
    let hasher = weak().pepper(pepper("kk")).build().unwrap();
    let text = format!("{hasher:?}");
    assert!(text.contains("m_cost: 8"), "{text}");
    assert!(!text.contains("kkkk"), "{text}");
    assert!(!text.contains("107, 107"), "{text}");
}

#[test]
fn traits() {
    fn assert<T: Send + Sync + Clone + Unpin + fmt::Debug + 'static>() {}
    assert::<PasswordHasher>();
    assert::<PasswordHasherBuilder>();
    assert::<PasswordHash>();
    assert::<HashError>();
}

proptest! {
    /// Whatever is in the column: it is read or refused, and never takes the process down.
    #[test]
    fn reading_a_hash_never_panics(
        start in prop::sample::select(vec![
            "", "$", "$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$", "$2b$", "$2b$04$", "$scrypt$ln=",
            "$scrypt$", "$pbkdf2-sha256$", "$pbkdf2-sha512$i=", "pbkdf2_sha256$", "$hmac-sha256$kid=",
        ]),
        rest in "(\\PC|[$=,a-z0-9./+]){0,80}",
    ) {
        let stored = format!("{start}{rest}");
        if let Ok((_, hash)) = pepper::open(&stored) {
            let _ = Stored::parse(hash, &HashLimits::default());
        }
    }

    #[test]
    fn what_is_written_is_read(memory in 8_u32..40, iterations in 1_u32..3, password in ".{0,80}") {
        let hasher = weak().memory_kib(memory).iterations(iterations).build().unwrap();
        let hash = hasher.hash(&password).unwrap();
        prop_assert_eq!(hasher.verify(&password, hash.as_str()), Ok(Matches));
        let parsed = Argon2Hash::parse(hash.as_str(), &HashLimits::default()).unwrap();
        prop_assert_eq!(parsed.to_phc(), hash.as_str());
    }
}
