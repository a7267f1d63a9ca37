//! `authctl password`.

use crate::support::{Folder, authctl};

#[test]
fn a_password_is_hashed_and_verified() {
    let folder = Folder::new();
    let hashed = authctl(&["password", "hash"])
        .input("correct horse\n")
        .ends(0);
    assert!(hashed.stdout.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    let file = folder.file("hash", &hashed.stdout);
    for (password, code) in [
        ("correct horse", 0),
        ("correct horse\n", 0),
        ("correct horse\r\n", 0),
        ("correct horse ", 1),
        ("Correct horse", 1),
    ] {
        let arguments = ["--json", "password", "verify", "--hash-file", &file];
        let outcome = authctl(&arguments).input(password).ends(code);
        assert_eq!(outcome.members(), ["matches", "needs_rehash"]);
        assert_eq!(outcome.json()["matches"], code == 0, "{password:?}");
    }
}

#[test]
fn a_hash_of_other_parameters_is_to_be_made_anew() {
    let arguments = [
        "--json",
        "password",
        "hash",
        "--memory-kib",
        "65536",
        "--iterations",
        "3",
    ];
    let hash = authctl(&arguments).input("secret").ends(0).json()["hash"].clone();
    let outcome = authctl(&["--json", "password", "verify"])
        .env("PASSWORD_HASH", hash.as_str().unwrap())
        .input("secret")
        .ends(0);
    assert_eq!(outcome.json()["needs_rehash"], true);
}

#[test]
fn a_pepper_goes_into_the_hash() {
    let folder = Folder::new();
    let key = folder.file("pepper", "a".repeat(32) + "\n");
    let with = |command| {
        let pepper = ["--pepper-id", "2026-11", "--pepper-file", &key];
        authctl(&[&["password", command][..], &pepper].concat())
    };
    let hash = with("hash").input("secret").ends(0).stdout;
    assert!(
        hash.starts_with("$hmac-sha256$kid=2026-11$argon2id$"),
        "{hash}"
    );
    with("verify")
        .env("PASSWORD_HASH", &hash)
        .input("secret")
        .ends(0);
    with("verify")
        .env("PASSWORD_HASH", &hash)
        .input("other")
        .ends(1);
    let without = authctl(&["password", "verify"]).env("PASSWORD_HASH", &hash);
    without.input("secret").ends(3);
}

#[test]
fn what_cannot_be_checked_is_neither_right_nor_wrong() {
    for hash in ["$md5$abc", "$argon2id$v=19$broken", "plain"] {
        let outcome = authctl(&["--json", "password", "verify"])
            .env("PASSWORD_HASH", hash)
            .input("secret")
            .ends(3);
        assert_eq!(outcome.json()["error"]["code"], "unavailable", "{hash}");
    }
}

#[test]
fn wrong_calls_say_what_is_missing() {
    let verify = authctl(&["password", "verify"]).input("secret").ends(2);
    assert!(verify.stderr.contains("PASSWORD_HASH"), "{verify:?}");
    let empty = ["password", "verify", "--hash-file", "/dev/null"];
    authctl(&empty).input("secret").ends(2);
    for (input, problem) in [
        ("", "no password on standard input"),
        ("\n", "no password on standard input"),
        ("one\ntwo\n", "more than one line"),
    ] {
        let outcome = authctl(&["password", "hash"]).input(input).ends(2);
        assert!(outcome.stderr.contains(problem), "{outcome:?}");
    }
    let weak = authctl(&["password", "hash", "--memory-kib", "64"])
        .input("secret")
        .ends(2);
    assert!(weak.stderr.contains("memory_kib"), "{weak:?}");
    authctl(&["password", "hash"])
        .input("a".repeat(2000))
        .ends(2);
}
