//! `authctl database`.

use std::fs;

use sql_store::SqlDatabase;

use crate::support::{Folder, NOWHERE, authctl};

#[test]
fn a_database_is_migrated_once() {
    let folder = Folder::new();
    let url = folder.url();
    let run = |command| authctl(&["--json", "database", command, "--database", &url]);
    let needed = SqlDatabase::SCHEMA_VERSION;

    let migrated = run("migrate").ends(0);
    assert_eq!(migrated.members(), ["from", "to"]);
    assert_eq!(
        (&migrated.json()["from"], &migrated.json()["to"]),
        (&0.into(), &needed.into())
    );
    assert_eq!(run("migrate").ends(0).json()["from"], needed);

    let status = run("status").ends(0);
    assert_eq!(status.members(), ["needed", "up_to_date", "version"]);
    assert_eq!(status.json()["version"], needed);
    assert_eq!(run("sweep").ends(0).json()["deleted"], 0);
}

#[test]
fn a_database_without_tables_is_told_from_one_that_is_not_there() {
    let folder = Folder::new();
    folder.file("auth.db", "");
    let url = folder.url();
    let run = |command| authctl(&["--json", "database", command, "--database", &url]);
    let status = run("status").ends(1).json();
    assert_eq!(
        (&status["version"], &status["up_to_date"]),
        (&0.into(), &false.into())
    );
    let swept = run("sweep").ends(3);
    assert!(
        swept.stderr.contains("authctl database migrate"),
        "{swept:?}"
    );
    assert_eq!(swept.json()["error"]["code"], "unavailable");

    let missing = format!("sqlite:{}", folder.path().join("mistyped.db").display());
    for command in ["status", "sweep"] {
        authctl(&["database", command, "--database", &missing]).ends(3);
    }
    assert!(
        !folder.path().join("mistyped.db").exists(),
        "looking makes no file"
    );
    let nowhere = format!("postgres://app@{NOWHERE}/auth");
    authctl(&["database", "status", "--database", &nowhere]).ends(3);
}

#[test]
fn the_url_comes_from_an_option_a_file_or_the_environment() {
    let folder = Folder::new();
    let url = folder.migrated();
    let file = folder.file("url", format!("{url}\n"));
    authctl(&["database", "status"])
        .env("DATABASE_URL", &url)
        .ends(0);
    authctl(&["database", "status", "--database-file", &file]).ends(0);
    let none = authctl(&["database", "status"]).ends(2);
    assert!(none.stderr.contains("DATABASE_URL"), "{none:?}");
    authctl(&["database", "status"])
        .env("DATABASE_URL", "mysql://x")
        .ends(2);
    let two = [
        "database",
        "status",
        "--database",
        &url,
        "--database-file",
        &file,
    ];
    authctl(&two).ends(2);
}

#[cfg(unix)]
#[test]
fn a_file_that_is_made_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = Folder::new();
    folder.migrated();
    let mode = fs::metadata(folder.path().join("auth.db"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}
