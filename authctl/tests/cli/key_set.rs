//! `authctl key-set`.

use auth_layer::SealingKeys;
use jwt_layer::{AccessTokenRequest, Algorithm, Issuer, KeyRing};
use serde_json::Value;
use sql_store::SqlDatabase;

use crate::support::{Folder, NOWHERE, Run, authctl, block_on};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "fedcba9876543210fedcba9876543210";
const ES256: [&str; 2] = ["--algorithm", "ES256"];

fn key_set(url: &str, arguments: &[&str]) -> Run {
    let arguments = [&["--json", "key-set"], arguments, &["--database", url]].concat();
    authctl(&arguments).env("SIGNING_KEY_SECRET", SECRET)
}

fn kids(json: &Value) -> Vec<String> {
    let keys = json["keys"].as_array().unwrap();
    keys.iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_key_set_is_made_shown_rotated_and_a_key_of_it_revoked() {
    let folder = Folder::new();
    let url = folder.migrated();
    let made = key_set(&url, &["create", ES256[0], ES256[1]]).ends(0);
    assert_eq!(made.members(), ["changed", "jwks", "keys", "name"]);
    let made = made.json();
    assert_eq!(
        (&made["changed"], &made["name"]),
        (&true.into(), &"default".into())
    );
    let first = kids(&made);
    assert_eq!(first.len(), 1);
    assert_eq!(made["keys"][0]["is_signing"], true);
    assert_eq!(made["jwks"]["keys"][0]["kid"], first[0]);
    assert_eq!(
        made["jwks"]["keys"][0]["d"],
        Value::Null,
        "no private key is shown"
    );
    let again = key_set(&url, &["create", ES256[0], ES256[1]])
        .ends(0)
        .json();
    assert_eq!(
        (&again["changed"], kids(&again)),
        (&false.into(), first.clone())
    );

    let rotated = key_set(&url, &["rotate", ES256[0], ES256[1]])
        .ends(0)
        .json();
    assert_eq!(rotated["changed"], true);
    let both = kids(&rotated);
    assert_eq!((both.len(), &both[0]), (2, &first[0]));
    assert_eq!(
        rotated["keys"][0]["is_signing"], true,
        "the next is announced first"
    );
    let again = key_set(&url, &["rotate", ES256[0], ES256[1]])
        .ends(0)
        .json();
    assert_eq!(
        (&again["changed"], kids(&again)),
        (&false.into(), both.clone())
    );

    let revoke = ["revoke", "--kid", &first[0], ES256[0], ES256[1]];
    let revoked = key_set(&url, &revoke).ends(0).json();
    assert_eq!(
        (kids(&revoked), &revoked["keys"][0]["is_signing"]),
        (both[1..].to_vec(), &true.into())
    );
    key_set(&url, &revoke).ends(1);
    let shown = key_set(&url, &["show"]).ends(0).json();
    assert_eq!(kids(&shown), both[1..]);
}

#[test]
fn a_key_set_that_is_not_there_is_not_made_by_looking() {
    let folder = Folder::new();
    let url = folder.migrated();
    for command in [
        &["show"][..],
        &["rotate", ES256[0], ES256[1]],
        &["revoke", "--kid", "unknown", ES256[0], ES256[1]],
        &["show"],
    ] {
        let outcome = key_set(&url, command).ends(1);
        assert_eq!(outcome.members(), ["changed", "name", "problem"]);
    }
    let other = ["create", "--name", "other", ES256[0], ES256[1]];
    key_set(&url, &other).ends(0);
    key_set(&url, &["show"]).ends(1);
    key_set(&url, &["show", "--name", "other"]).ends(0);
}

#[test]
fn a_key_set_keeps_its_algorithm() {
    let folder = Folder::new();
    let url = folder.migrated();
    key_set(&url, &["create", ES256[0], ES256[1]]).ends(0);
    let before = key_set(&url, &["show"]).ends(0).json();
    let kid = kids(&before).remove(0);
    for command in [
        &["create"][..],
        &["rotate"],
        &["revoke", "--kid", kid.as_str()],
    ] {
        let other = [command, &["--algorithm", "EdDSA"]].concat();
        let outcome = key_set(&url, &other).ends(2);
        assert!(outcome.stderr.contains("are for ES256"), "{outcome:?}");
    }
    assert_eq!(key_set(&url, &["show"]).ends(0).json(), before);
}

#[test]
fn how_long_ahead_is_what_the_option_says() {
    let folder = Folder::new();
    let url = folder.migrated();
    for (ahead, code) in [("1s", 2), ("8d", 2), ("0s", 0), ("2s", 0), ("7d", 0)] {
        let name = format!("set-{ahead}");
        let create = [
            "create",
            ES256[0],
            ES256[1],
            "--name",
            &name,
            "--publish-ahead",
            ahead,
        ];
        let outcome = key_set(&url, &create).ends(code);
        let names_it = outcome.stderr.contains("--publish-ahead") && outcome.stderr.contains("2s");
        assert_eq!(names_it, code == 2, "{outcome:?}");
        assert!(!outcome.stderr.contains("refresh_every"), "{outcome:?}");
    }
}

#[test]
fn a_service_signs_with_the_keys_and_they_verify_its_tokens() {
    let folder = Folder::new();
    let url = folder.migrated();
    key_set(&url, &["create", ES256[0], ES256[1]]).ends(0);
    let token = block_on(async {
        let store = SqlDatabase::connect(&url)
            .await
            .unwrap()
            .store()
            .await
            .unwrap();
        let ring = KeyRing::builder(Algorithm::Es256, store.signing_keys())
            .sealed_with(SealingKeys::new(SECRET.as_bytes()).unwrap())
            .open()
            .await
            .unwrap();
        let issuer = Issuer::builder("https://id.example", "api", ring)
            .build()
            .unwrap();
        let token = issuer.issue(&AccessTokenRequest::new("ann")).unwrap();
        token.expose().to_owned()
    });
    let shown = authctl(&["key-set", "show", "--jwks", "--database", &url])
        .env("SIGNING_KEY_SECRET", SECRET)
        .ends(0);
    let jwks = folder.file("jwks.json", &shown.stdout);
    let policy = [
        "token",
        "check",
        "--issuer",
        "https://id.example",
        "--audience",
        "api",
    ];
    let check = [&policy[..], &ES256, &["--jwks", &jwks]].concat();
    authctl(&check).input(&token).ends(0);

    let kid = kids(&key_set(&url, &["show"]).ends(0).json()).remove(0);
    key_set(&url, &["revoke", "--kid", &kid, ES256[0], ES256[1]]).ends(0);
    let shown = key_set(&url, &["show"]).ends(0).json();
    let jwks = folder.file("jwks.json", shown["jwks"].to_string());
    let check = [&policy[..], &ES256, &["--jwks", &jwks]].concat();
    authctl(&check).input(&token).ends(1);
}

#[test]
fn key_11_the_secret_is_replaced_with_the_old_one_at_hand() {
    let folder = Folder::new();
    let url = folder.migrated();
    key_set(&url, &["create", ES256[0], ES256[1]]).ends(0);
    let (new, old) = (folder.file("new", OTHER), folder.file("old", SECRET));
    let wrong = key_set(&url, &["show", "--secret-file", &new]).ends(3);
    assert_eq!(wrong.json()["error"]["code"], "unavailable");
    let both = ["--secret-file", &new, "--previous-secret-file", &old];
    let rotate = [&["rotate"], &ES256[..], &both].concat();
    key_set(&url, &rotate).ends(0);
    key_set(&url, &["show", "--secret-file", &new]).ends(0);
    key_set(&url, &["show"]).ends(3);
    key_set(&url, &["show", "--insecure-plain"]).ends(3);
}

#[test]
fn wrong_calls_and_what_is_out_of_reach_are_told_apart() {
    let folder = Folder::new();
    let url = folder.migrated();
    let no_secret = authctl(&["key-set", "show", "--database", &url]).ends(2);
    assert!(
        no_secret.stderr.contains("SIGNING_KEY_SECRET"),
        "{no_secret:?}"
    );
    let short = folder.file("short", "short");
    key_set(&url, &["show", "--secret-file", &short]).ends(2);
    key_set(&url, &["create", "--algorithm", "HS256"]).ends(2);
    let impossible = ["create", ES256[0], ES256[1], "--token-lifetime", "30d"];
    let outcome = key_set(&url, &impossible).ends(2);
    assert!(outcome.stderr.contains("token_lifetime"), "{outcome:?}");
    key_set(&url, &["show"]).ends(1);
    key_set(&format!("postgres://app@{NOWHERE}/auth"), &["show"]).ends(3);
}
