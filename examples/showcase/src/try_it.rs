//! What to try first: four schemes in three lines.

use std::io::{Result, Write};

use crate::config::{DemoPassword, Settings};

/// Prints the users, the address, and three `curl` lines that work as they are.
///
/// `added` are the users that were made at this start. The others have the password that they had.
pub(crate) fn print(out: &mut impl Write, settings: &Settings, added: &[&str]) -> Result<()> {
    let url = &settings.public_url;
    // A password that was configured is left to the shell: it does not belong into a log.
    let password = match &settings.demo_password {
        DemoPassword::Random(_) if !added.is_empty() => settings.demo_password.expose(),
        DemoPassword::Given(_) | DemoPassword::Random(_) => "$DEMO_PASSWORD",
    };
    let token = format!(
        r#"$(curl -s -H 'content-type: application/json' -d "{{\"username\":\"alice\",\"password\":\"{password}\"}}" {url}/token | sed 's/.*"access_token":"\([^"]*\)".*/\1/')"#
    );
    let key = format!(
        r#"$(curl -s -H "Authorization: Bearer {token}" -H 'content-type: application/json' -d '{{"name":"try it"}}' {url}/api-keys | sed 's/.*"key":"\([^"]*\)".*/\1/')"#
    );

    match added {
        [] => writeln!(
            out,
            "users: alice (role admin, scope reports:read) and bob, with the passwords that they had"
        )?,
        [one] => writeln!(
            out,
            "users: {one}, new, password {password}; the other is as before"
        )?,
        _ => writeln!(
            out,
            "users: alice (role admin, scope reports:read) and bob, password {password}"
        )?,
    }
    writeln!(out, "page:  {url}/")?;
    writeln!(out, "\nBasic, then a session:")?;
    writeln!(
        out,
        r#"curl -s -u "alice:{password}" {url}/me --next -sL -b '' -d username=alice -d return_to=/me --data-urlencode "password={password}" {url}/login"#
    )?;
    writeln!(out, "a Bearer token:")?;
    writeln!(
        out,
        r#"curl -s -H "Authorization: Bearer {token}" {url}/me"#
    )?;
    writeln!(out, "an API key:")?;
    writeln!(out, r#"curl -s -H "X-API-Key: {key}" {url}/me"#)?;
    out.flush()
}
