//! `authctl keys`, on SQLite and PostgreSQL.

use std::time::{Duration, SystemTime};

use apikey_layer::{ApiKeyStore as _, DisabledBy, KeyFormat, KeyRecord, Owner};
use auth_layer::ScopeSet;
use serde_json::Value;
use sql_store::{SqlApiKeys, SqlDatabase};
use test_servers::PostgresServer;

use crate::support::{Folder, NOWHERE, Run, authctl, block_on};

async fn store(url: &str) -> SqlApiKeys {
    let database = SqlDatabase::connect(url).await.unwrap();
    database.store().await.unwrap().api_keys()
}

/// Three keys of ann, one of ann of another issuer, one of bob; their ids.
fn fill(url: &str) -> Vec<String> {
    block_on(async {
        let store = store(url).await;
        let format = KeyFormat::live("acme").unwrap();
        let mut foreign = Owner::new("ann");
        foreign.issuer = Some("https://id.example".to_owned());
        let owners = [
            Owner::new("ann"),
            Owner::new("ann"),
            Owner::new("ann"),
            foreign,
            Owner::new("bob"),
        ];
        let now = SystemTime::now();
        let mut ids = Vec::new();
        for (number, owner) in owners.into_iter().enumerate() {
            let key = format.generate().unwrap();
            let record = KeyRecord::new(*key.id(), key.digest(), owner, now)
                .with_name(format!("key {number}"))
                .with_scopes("reports:read".parse::<ScopeSet>().unwrap())
                .with_expires_at((number == 2).then(|| now - Duration::from_secs(1)));
            store.insert(record, 10).await.unwrap();
            ids.push(key.id().to_string());
        }
        ids
    })
}

fn keys(url: &str, arguments: &[&str]) -> Run {
    authctl(&[&["--json", "keys"], arguments, &["--database", url]].concat())
}

fn ids(json: &Value) -> Vec<&str> {
    let keys = json["keys"].as_array().unwrap();
    keys.iter().map(|key| key["id"].as_str().unwrap()).collect()
}

fn sorted<'a>(ids: &[&'a String]) -> Vec<&'a str> {
    let mut ids: Vec<_> = ids.iter().map(|id| id.as_str()).collect();
    ids.sort_unstable();
    ids
}

/// What an operator does with the keys of a database.
fn administer(url: &str) {
    let made = fill(url);
    let [one, two, three, foreign, bobs] = &made[..] else {
        panic!()
    };

    // Listing: an owner, an owner of another issuer, all, in pages.
    let listed = keys(url, &["list", "--owner", "ann"]).ends(0).json();
    assert_eq!(ids(&listed), sorted(&[one, two, three]));
    assert_eq!(listed["next"], Value::Null);
    let elsewhere = ["list", "--owner", "ann", "--issuer", "https://id.example"];
    assert_eq!(ids(&keys(url, &elsewhere).ends(0).json()), [foreign]);
    assert_eq!(
        ids(&keys(url, &["list", "--owner", "nobody"]).ends(0).json()),
        [""; 0]
    );
    let all = sorted(&[one, two, three, foreign, bobs]);
    let first = keys(url, &["list", "--limit", "3"]).ends(0).json();
    assert_eq!(
        (ids(&first), &first["next"]),
        (all[..3].to_vec(), &all[2].into())
    );
    let rest = keys(url, &["list", "--limit", "3", "--after", all[2]])
        .ends(0)
        .json();
    assert_eq!(
        (ids(&rest), &rest["next"]),
        (all[3..].to_vec(), &Value::Null)
    );

    // Switching off and on.
    let show = |id: &str| keys(url, &["show", id]).ends(0).json()["key"].clone();
    assert_eq!(show(one)["state"], "active");
    assert_eq!(show(three)["state"], "expired");
    let off = keys(url, &["disable", one, two]).ends(0).json();
    assert_eq!(off["changed"], serde_json::json!([one, two]));
    assert_eq!(
        (&show(one)["state"], &show(one)["disabled_by_owner"]),
        (&"disabled".into(), &false.into())
    );
    keys(url, &["enable", one]).ends(0);
    assert_eq!(
        (show(one)["state"].clone(), show(two)["state"].clone()),
        ("active".into(), "disabled".into())
    );

    // Revoking is for good, for others at once, and for an owner altogether.
    let unknown = "000000000000";
    let some = keys(url, &["revoke", two, unknown]).ends(1).json();
    assert_eq!(
        some,
        serde_json::json!({"changed": [two], "missing": [unknown]})
    );
    keys(url, &["enable", two]).ends(0);
    assert_eq!(show(two)["state"], "revoked");
    let record = block_on(async {
        store(url)
            .await
            .find(&two.parse().unwrap())
            .await
            .unwrap()
            .unwrap()
    });
    assert!(record.revoked_at().is_some() && !record.is_disabled_by(DisabledBy::Operator));
    let all = keys(url, &["revoke", "--all-of", "ann"]).ends(0).json();
    assert_eq!(all, serde_json::json!({"revoked": 2}));
    assert_eq!(
        show(foreign)["state"],
        "active",
        "another issuer's ann is somebody else"
    );
    let again = keys(url, &["revoke", "--all-of", "ann"]).ends(0).json();
    assert_eq!(again, serde_json::json!({"revoked": 0}));
    assert_eq!(show(bobs)["state"], "active");
}

#[test]
fn keys_that_ended_are_swept_when_they_were_kept_for_long_enough() {
    let folder = Folder::new();
    let url = folder.migrated();
    let ids = fill(&url);
    let sweep = |arguments: &[&str]| {
        let command = ["--json", "database", "sweep", "--database", &url];
        authctl(&[&command, arguments].concat())
    };
    assert_eq!(sweep(&[]).ends(0).json()["deleted"], 0);
    let refused = sweep(&["--keep-ended-keys", "0s"]).ends(2);
    assert!(refused.stderr.contains("keep_ended_keys"), "{refused:?}");
    let swept = sweep(&["--keep-ended-keys", "1s"]).ends(0);
    assert_eq!(swept.json()["deleted"], 1);
    for (number, id) in ids.iter().enumerate() {
        let shown = keys(&url, &["show", id]).run();
        assert_eq!(shown.json()["key"].is_null(), number == 2, "{number}");
    }
}

#[test]
fn keys_are_administered_on_sqlite() {
    let folder = Folder::new();
    administer(&folder.migrated());
}

#[test]
fn keys_are_administered_on_postgres() {
    let server = PostgresServer::start();
    let url = server.url();
    authctl(&["database", "migrate", "--database", &url]).ends(0);
    administer(&url);
    server.kill();
    keys(&url, &["list"]).ends(3);
}

fn insert(url: &str, owner: Owner, name: &str) -> String {
    block_on(async {
        let key = KeyFormat::live("acme").unwrap().generate().unwrap();
        let record = KeyRecord::new(*key.id(), key.digest(), owner, SystemTime::now());
        let store = store(url).await;
        store.insert(record.with_name(name), 10).await.unwrap();
        key.id().to_string()
    })
}

#[test]
fn who_has_no_keys_is_told_from_who_has_none_left() {
    let folder = Folder::new();
    let url = folder.migrated();
    let mut owner = Owner::new("carol");
    owner.issuer = Some("https://id.example".to_owned());
    owner.tenant = Some("blue".to_owned());
    let id = insert(&url, owner, "nightly");
    let state = || keys(&url, &["show", &id]).ends(0).json()["key"]["state"].clone();

    let [issuer, tenant] = [["--issuer", "https://id.example"], ["--tenant", "blue"]];
    for realm in [
        vec![],
        issuer.to_vec(),
        tenant.to_vec(),
        [issuer, ["--tenant", "red"]].concat(),
    ] {
        let arguments = [&["revoke", "--all-of", "carol"], &realm[..]].concat();
        let outcome = keys(&url, &arguments).ends(1);
        assert_eq!(outcome.members(), ["problem", "revoked"]);
        let all = [&["keys"], &arguments[..], &["--database", &url]].concat();
        let outcome = authctl(&all).ends(1);
        assert!(
            outcome.stdout.contains("--issuer and --tenant"),
            "{outcome:?}"
        );
        let listed = [&["list", "--owner", "carol"], &realm[..]].concat();
        assert_eq!(ids(&keys(&url, &listed).ends(0).json()), [""; 0]);
    }
    assert_eq!(state(), "active");

    // What the list says is what has to be given.
    let list = authctl(&["keys", "list", "--database", &url])
        .ends(0)
        .stdout;
    assert!(
        list.contains("carol issuer=https://id.example tenant=blue  nightly"),
        "{list}"
    );
    let both = [issuer, tenant].concat();
    let listed = [&["list", "--owner", "carol"], &both[..]].concat();
    assert_eq!(ids(&keys(&url, &listed).ends(0).json()), [&id]);
    let revoke = [&["revoke", "--all-of", "carol"], &both[..]].concat();
    for revoked in [1, 0] {
        let outcome = keys(&url, &revoke).ends(0).json();
        assert_eq!(outcome, serde_json::json!({"revoked": revoked}));
    }
    assert_eq!(state(), "revoked");
}

#[test]
fn what_an_owner_has_written_cannot_steer_the_terminal() {
    const HOSTILE: &str = "a\u{1b}[2J\u{9b}31m\u{202e}b\u{200b}\u{2028}\u{2066}\u{feff}\u{61c}c";

    let folder = Folder::new();
    let url = folder.migrated();
    let mut owner = Owner::new(HOSTILE);
    owner.tenant = Some(HOSTILE.to_owned());
    let id = insert(&url, owner, HOSTILE);
    let steers = |letter: char| letter != '\n' && !(' '..='~').contains(&letter);
    for command in [&["keys", "list"][..], &["keys", "show", &id]] {
        for json in [&[][..], &["--json"]] {
            let arguments = [json, command, &["--database", &url]].concat();
            let outcome = authctl(&arguments).ends(0);
            assert!(!outcome.stdout.contains(steers), "{outcome:?}");
        }
    }
    let key = keys(&url, &["show", &id]).ends(0).json()["key"].clone();
    assert_eq!(key["name"], HOSTILE, "JSON says it all the same");
    assert_eq!(key["owner"]["subject"], HOSTILE);
    let list = authctl(&["keys", "list", "--database", &url])
        .ends(0)
        .stdout;
    assert_eq!(list.lines().count(), 1, "{list:?}");
}

#[test]
fn a_key_is_shown_with_everything_but_its_digest() {
    let folder = Folder::new();
    let url = folder.migrated();
    let id = fill(&url).remove(0);
    let key = keys(&url, &["show", &id]).ends(0).json()["key"].clone();
    let members: Vec<_> = key
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let expected = [
        "allowed_cidrs",
        "allowed_origins",
        "created_at",
        "disabled_by_operator",
        "disabled_by_owner",
        "expires_at",
        "id",
        "last_used_at",
        "limits",
        "name",
        "owner",
        "previous_valid_until",
        "revoked_at",
        "roles",
        "scopes",
        "state",
    ];
    assert_eq!(members, expected);
    assert_eq!(
        key["owner"],
        serde_json::json!({"subject": "ann", "issuer": null, "tenant": null})
    );
    assert_eq!(key["scopes"], serde_json::json!(["reports:read"]));
    let text = authctl(&["keys", "show", &id, "--database", &url])
        .ends(0)
        .stdout;
    assert!(text.contains("key 0") && text.contains("active"), "{text}");
    let list = authctl(&["keys", "list", "--database", &url, "--limit", "2"])
        .ends(0)
        .stdout;
    assert_eq!(list.lines().count(), 3, "{list}");
}

#[test]
fn wrong_calls_and_what_is_out_of_reach_are_told_apart() {
    let folder = Folder::new();
    let url = folder.migrated();
    let missing = keys(&url, &["show", "000000000000"]).ends(1);
    assert_eq!(missing.json(), serde_json::json!({"key": null}));
    for arguments in [
        &["show", "not-an-id"][..],
        &["revoke"],
        &["revoke", "000000000000", "--all-of", "ann"],
        &["revoke", "000000000000", "--issuer", "x"],
        &["list", "--issuer", "x"],
        &["list", "--limit", "0"],
        &["disable"],
    ] {
        keys(&url, arguments).ends(2);
    }
    let nowhere = format!("postgres://app@{NOWHERE}/auth");
    for arguments in [
        &["list"][..],
        &["show", "000000000000"],
        &["revoke", "000000000000"],
    ] {
        let outcome = keys(&nowhere, arguments).ends(3);
        assert_eq!(outcome.json()["error"]["code"], "unavailable");
    }
}
