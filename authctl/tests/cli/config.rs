//! `authctl config`.

use serde_json::Value;

use crate::support::{Folder, NOWHERE, authctl};

/// The settings that are named by problems.
fn named(json: &Value, member: &str) -> Vec<String> {
    let problems = json[member].as_array().unwrap();
    let names = problems
        .iter()
        .map(|problem| problem["setting"].as_str().unwrap().to_owned());
    names.collect()
}

fn check(file: &str, more: &[&str], code: i32) -> Value {
    let arguments = [&["--json", "config", "check", "--file", file], more].concat();
    authctl(&arguments).ends(code).json()
}

#[test]
fn a_good_configuration_has_no_problems() {
    let folder = Folder::new();
    let file = folder.file(
        "app.env",
        "# the service\n\
         PUBLIC_URL=https://app.example.com\n\
         export DATABASE_URL='postgres://app:hunter2@db.example/auth'\n\
         REDIS_URL=redis://127.0.0.1/\n\
         SIGNING_KEY_SECRET=\"0123456789abcdef0123456789abcdef\"\n\
         ACCESS_TTL=10m\nSESSION_IDLE=30m\nSESSION_ABSOLUTE=12h\n\
         LOGIN_LIMIT=10/m/ip,5/5m/account\nTRUSTED_PROXIES=10.0.0.0/8\n\
         API_KEY_PREFIX=acme\nAPI_KEY_RATES=10/s,1000/h\nJWT_ALGORITHM=ES256\n\
         REFRESH_TTL=\n",
    );
    let json = check(&file, &["--strict"], 0);
    assert_eq!(json["good"], true);
    assert_eq!(json["checked"].as_array().unwrap().len(), 12, "{json}");
    let members: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        members,
        ["checked", "good", "problems", "unknown", "unreachable"]
    );
    let nothing = check(
        &folder.file("empty", "# ACCESS_TTL=1m\nACCESS_TTL=\n"),
        &[],
        1,
    );
    assert_eq!(nothing["good"], false, "nothing was checked");
    assert_eq!(nothing["problems"], serde_json::json!([]));
}

#[test]
fn x_15_every_problem_is_told_and_names_its_setting() {
    let settings = [
        ("ACCESS_TTL", "0s"),
        ("API_KEY_PREFIX", "SK-"),
        ("API_KEY_RATES", "10/s,0/h"),
        ("DATABASE_URL", "mysql://app@db/auth"),
        ("JWT_ALGORITHM", "none"),
        ("LOGIN_LIMIT", "10/m/user"),
        ("PUBLIC_URL", "http://app.example.com"),
        ("REDIS_URL", "hunter2"),
        ("REFRESH_TTL", "10"),
        ("SIGNING_KEY_SECRET", "hunter2"),
        ("TRUSTED_PROXIES", "0.0.0.0/0"),
        ("SESSION_IDLE", "13h"),
        ("TRUST_JWKS", "http://id.example.com/keys"),
    ];
    let folder = Folder::new();
    let text: String = settings
        .iter()
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect();
    let json = check(&folder.file("app.env", text), &[], 1);
    assert_eq!(json["good"], false);
    let mut expected: Vec<_> = settings
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    let mut problems = named(&json, "problems");
    expected.sort();
    problems.sort();
    assert_eq!(problems, expected);
    assert!(!json.to_string().contains("hunter2"), "{json}");
}

#[test]
fn settings_that_belong_together_are_checked_together() {
    let folder = Folder::new();
    for (text, problems) in [
        (
            "TRUST_ISSUER=https://id.example\n",
            &["TRUST_AUDIENCE", "TRUST_JWKS"][..],
        ),
        (
            "TRUST_ISSUER=https://id.example\nTRUST_AUDIENCE=api\nTRUST_HS256_SECRET=short\n",
            &["TRUST_HS256_SECRET"],
        ),
        (
            "TRUST_ISSUER=https://id.example\nTRUST_AUDIENCE=api\nTRUST_ALGORITHMS=ES256\n\
             TRUST_JWKS=http://id.example/keys\n",
            &["TRUST_JWKS"],
        ),
        (
            "TRUST_ISSUER=https://id.example\nTRUST_AUDIENCE=api\n\
             TRUST_JWKS=https://id.example/keys\n",
            &["TRUST_ALGORITHMS"],
        ),
        ("SESSION_IDLE=2h\nSESSION_ABSOLUTE=1h\n", &["SESSION_IDLE"]),
        ("SESSION_ABSOLUTE=0s\n", &["SESSION_ABSOLUTE"]),
        (
            "SESSION_IDLE=x\nSESSION_ABSOLUTE=y\n",
            &["SESSION_IDLE", "SESSION_ABSOLUTE"],
        ),
        (
            "TRUST_ISSUER=https://id.example\nTRUST_AUDIENCE=api\nTRUST_ALGORITHMS=ES256\n\
             TRUST_HS256_SECRET=0123456789abcdef0123456789abcdef\n",
            &["TRUST_ALGORITHMS"],
        ),
        (
            "JWT_ISSUER=me\nTRUST_ISSUER=me\nTRUST_AUDIENCE=api\n\
             TRUST_HS256_SECRET=0123456789abcdef0123456789abcdef\n",
            &["TRUST_ISSUER"],
        ),
        (
            "OIDC_ISSUER=https://id.example\n",
            &["OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"],
        ),
        (
            "OIDC_SCOPES=openid\n",
            &["OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET"],
        ),
        (
            "OIDC_ISSUER=http://id.example\nOIDC_CLIENT_ID=a\nOIDC_CLIENT_SECRET=b\n",
            &["OIDC_ISSUER"],
        ),
    ] {
        let json = check(&folder.file("app.env", text), &[], 1);
        assert_eq!(named(&json, "problems"), problems, "{text}");
    }
}

/// Each is refused by the showcase, too.
#[test]
fn x_15_values_that_a_service_refuses_are_not_called_good() {
    let folder = Folder::new();
    for (name, good, bad) in [
        ("JWT_ALGORITHM", "ES256", &["HS256", "none"][..]),
        ("ACCESS_TTL", "24h", &["25h", "0s"]),
        ("REFRESH_TTL", "90d", &["0s", "36500d"]),
        (
            "DATABASE_URL",
            "sqlite:/no/such/folder/auth.db",
            &["sqlite:", "sqlite:file:x", "sqlite:x?mode=bogus", "auth.db"],
        ),
        (
            "DATABASE_URL",
            "postgres://h/d?sslmode=require",
            &["postgres://h/d?sslmode=bogus", "postgres://h:port/d"],
        ),
        (
            "LISTEN",
            "127.0.0.1:3000",
            &["127.0.0.1", ":3000", "localhost:http"],
        ),
        ("LISTEN", "[::1]:0", &["[::1]"]),
    ] {
        let file = folder.file("good.env", format!("{name}={good}\n"));
        assert_eq!(check(&file, &["--strict"], 0)["good"], true, "{good}");
        for bad in bad {
            let file = folder.file("bad.env", format!("{name}={bad}\n"));
            assert_eq!(named(&check(&file, &[], 1), "problems"), [name], "{bad}");
        }
    }
    let file = folder.file(
        "good.env",
        "DEMO_PASSWORD=hunter2\nRUST_LOG=info\nOIDC_ISSUER=http://127.0.0.1:8080\n\
         OIDC_CLIENT_ID=a\nOIDC_CLIENT_SECRET=b\nOIDC_SCOPES=openid\n",
    );
    assert_eq!(
        check(&file, &["--strict"], 0)["checked"]
            .as_array()
            .unwrap()
            .len(),
        6
    );
}

#[test]
fn names_that_are_none_are_told_and_with_strict_are_problems() {
    let folder = Folder::new();
    let file = folder.file("app.env", "LOGIN_LIMITS=off\nLOGIN_LIMIT=off\n\nA=1\n");
    assert_eq!(check(&file, &[], 0)["unknown"], serde_json::json!([1, 4]));
    assert_eq!(
        named(&check(&file, &["--strict"], 1), "problems"),
        ["line 1", "line 4"]
    );
}

#[test]
fn what_does_not_answer_is_not_called_wrong() {
    let folder = Folder::new();
    let url = folder.migrated();
    let good = folder.file("good.env", format!("DATABASE_URL={url}\n"));
    assert_eq!(check(&good, &["--connect"], 0)["good"], true);
    let text =
        format!("DATABASE_URL=postgres://app@{NOWHERE}/auth\nREDIS_URL=redis://{NOWHERE}/\n");
    let down = folder.file("down.env", &text);
    assert_eq!(check(&down, &[], 0)["good"], true);
    let json = check(&down, &["--connect"], 3);
    assert_eq!(named(&json, "unreachable"), ["DATABASE_URL", "REDIS_URL"]);
    assert_eq!(json["problems"], serde_json::json!([]));
    let missing = format!("sqlite:{}", folder.path().join("missing.db").display());
    let file = folder.file("missing.env", format!("DATABASE_URL={missing}\n"));
    check(&file, &["--connect"], 3);
    assert!(
        !folder.path().join("missing.db").exists(),
        "asking makes no database"
    );
    let both = folder.file("both.env", text + "ACCESS_TTL=0s\n");
    check(&both, &["--connect"], 1);
}

#[test]
fn the_environment_is_read_and_files_that_cannot_be_are_told() {
    let outcome = authctl(&["config", "check"])
        .env("PUBLIC_URL", "http://app.example")
        .ends(1);
    assert!(
        outcome.stdout.starts_with("PUBLIC_URL: must be https"),
        "{outcome:?}"
    );
    authctl(&["config", "check"])
        .env("ACCESS_TTL", "1m")
        .ends(0);
    let nothing = authctl(&["config", "check"]).ends(1);
    assert!(
        nothing.stdout.contains("nothing was checked"),
        "{nothing:?}"
    );
    assert!(!nothing.stdout.contains("good"), "{nothing:?}");
    let folder = Folder::new();
    for text in [
        "hunter2\n",
        "NA ME=hunter2\n",
        "ACCESS_TTL=1m\nACCESS_TTL=2m\n",
    ] {
        let file = folder.file("app.env", text);
        let outcome = authctl(&["config", "check", "--file", &file]).ends(2);
        assert!(outcome.stderr.contains(", line "), "{outcome:?}");
        assert!(!outcome.stderr.contains("hunter2"), "{outcome:?}");
    }
    authctl(&["config", "check", "--file", "/no/such/file"]).ends(2);
    authctl(&["config", "check", "--strict"]).ends(2);
}
