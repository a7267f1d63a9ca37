//! SECURITY.md names tests; they exist, and none is left out.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Names that begin with the id of a case: `ses_05_after_logout_…`.
fn is_case(name: &str) -> bool {
    let mut parts = name.split('_');
    let group = parts.next().unwrap_or_default();
    let number = parts.next().unwrap_or_default();
    matches!(
        group,
        "apk"
            | "bas"
            | "csr"
            | "dig"
            | "dpo"
            | "jwt"
            | "key"
            | "mfa"
            | "mtl"
            | "oau"
            | "red"
            | "ref"
            | "ses"
            | "stp"
            | "x"
    ) && number.len() == 2
        && number.bytes().all(|b| b.is_ascii_digit())
        && parts.next().is_some()
}

fn collect(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !matches!(&*name, "target" | "fuzz" | ".git") {
                collect(&path, names);
            }
        } else if name.ends_with(".rs") {
            let code = fs::read_to_string(&path).unwrap();
            let functions = code.split("fn ").skip(1);
            names.extend(
                functions
                    .filter_map(|rest| {
                        rest.split(|c: char| !c.is_alphanumeric() && c != '_')
                            .next()
                    })
                    .filter(|name| is_case(name))
                    .map(str::to_owned),
            );
        }
    }
}

#[test]
fn security_md_names_the_tests_that_exist() {
    let mut tests = BTreeSet::new();
    collect(Path::new(ROOT), &mut tests);
    let text = fs::read_to_string(Path::new(ROOT).join("SECURITY.md")).unwrap();
    let named: BTreeSet<_> = text
        .split('`')
        .filter(|name| is_case(name))
        .map(str::to_owned)
        .collect();
    let forgotten: Vec<_> = tests.difference(&named).collect();
    let invented: Vec<_> = named.difference(&tests).collect();
    assert!(forgotten.is_empty(), "not in SECURITY.md: {forgotten:?}");
    assert!(invented.is_empty(), "only in SECURITY.md: {invented:?}");
    assert!(named.len() > 100);
}
