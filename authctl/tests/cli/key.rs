//! `authctl key`.

use apikey_layer::KeyFormat;
use serde_json::Value;

use crate::support::authctl;

#[test]
fn a_new_key_is_one_to_the_library_and_to_the_check() {
    for (environment, format) in [
        ("live", KeyFormat::live("acme").unwrap()),
        ("test", KeyFormat::test("acme").unwrap()),
    ] {
        let arguments = [
            "--json",
            "key",
            "new",
            "--prefix",
            "acme",
            "--env",
            environment,
        ];
        let made = authctl(&arguments).ends(0);
        assert_eq!(made.members(), ["digest", "environment", "id", "key"]);
        let made = made.json();
        let key = made["key"].as_str().unwrap();
        let id = format.parse(key.as_bytes()).unwrap();
        assert_eq!(made["id"], id.as_str());

        let checked = authctl(&["--json", "key", "check", "--prefix", "acme"])
            .input(key)
            .ends(0);
        let checked = checked.json();
        assert_eq!(checked["well_formed"], true);
        assert_eq!(checked["environment"], environment);
        assert_eq!(checked["digest"], made["digest"]);
        assert_eq!(checked["id"], made["id"]);
        assert_eq!(checked["problem"], Value::Null);
    }
}

#[test]
fn apk_02_what_is_no_key_is_refused_by_its_form() {
    let key = "sk_live_8Zk2mWq4Lx0PbT6vNc1RyDs9HgJfUa3EoQiKtYw73Cixfe";
    let check = |prefix, environment: &[&str], key: &str| {
        let arguments = [
            &["--json", "key", "check", "--prefix", prefix][..],
            environment,
        ]
        .concat();
        let outcome = authctl(&arguments).input(key).run();
        (outcome.code, outcome.json()["problem"].clone())
    };
    assert_eq!(check("sk", &[], key), (0, Value::Null));
    assert_eq!(check("sk", &["--env", "live"], key), (0, Value::Null));
    for (prefix, environment, key, problem) in [
        ("sk", &[][..], &key[..key.len() - 1], "has a wrong length"),
        (
            "sk",
            &[],
            &key.replace("8Zk", "8Zj"),
            "has a wrong checksum",
        ),
        (
            "sk",
            &["--env", "test"],
            key,
            "has another prefix or environment",
        ),
        ("acme", &[], key, "has another prefix or environment"),
    ] {
        assert_eq!(
            check(prefix, environment, key),
            (1, problem.into()),
            "{key}"
        );
    }
}

#[test]
fn scanners_are_given_what_the_library_says() {
    let scanning = KeyFormat::live("acme").unwrap().scanning();
    let scan = |format| {
        let arguments = ["key", "scan", "--prefix", "acme", "--format", format];
        authctl(&arguments).ends(0).stdout
    };
    assert_eq!(scan("regex").trim_end(), scanning.regex());
    assert_eq!(
        scan("gitleaks").trim_end(),
        scanning.gitleaks_rule().trim_end()
    );
    assert_eq!(
        scan("trufflehog").trim_end(),
        scanning.trufflehog_detector().trim_end()
    );
    assert_eq!(scan("text").trim_end(), scanning.to_string().trim_end());
    let json = authctl(&["--json", "key", "scan", "--prefix", "acme"])
        .ends(0)
        .json();
    let said: Value = serde_json::from_str(&scanning.to_json()).unwrap();
    assert_eq!(json, said);
}

#[test]
fn a_prefix_that_cannot_be_one_is_refused_and_named() {
    for command in ["new", "check", "scan"] {
        let outcome = authctl(&["key", command, "--prefix", "SK-"])
            .input("x")
            .ends(2);
        assert!(outcome.stderr.contains("`prefix` must be"), "{outcome:?}");
    }
}
