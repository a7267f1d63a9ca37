//! Making, rotating and revoking keys: at a shell with access to the database, and nowhere else.
//!
//! The key is all that is printed to standard output, so that it can be put into a file.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command")]

use std::error::Error;
use std::time::Duration;

use apikey_layer::{CreatedKey, KeyId, KeyRegistry, NewKey};
use auth_layer::{Identity, ScopeSet};

use crate::keys;

const USAGE: &str = "\
    make CALLER SCOPES [NETWORK]...  makes a key: make orders 'stock:read stock:reserve' 10.0.0.0/8\n\
    rotate CALLER ID MINUTES         gives it a new secret; the old one is good for so long yet\n\
    revoke CALLER ID                 ends it at once";

pub(crate) async fn run(arguments: impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = arguments.collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let registry = KeyRegistry::new(keys::format()?, keys::open().await?);
    match *arguments {
        ["make", name, scopes, ref networks @ ..] => {
            let networks = networks.iter().map(|text| text.parse());
            let new = NewKey::new(format!("{name} calls stock"))
                .scopes(scopes.parse::<ScopeSet>()?)
                .allowed_cidrs(networks.collect::<Result<Vec<_>, _>>()?);
            show(&registry.create(&caller(name)?, new).await?);
        }
        ["rotate", name, id, minutes] => {
            let overlap = Duration::from_mins(minutes.parse::<u32>()?.into());
            let id: KeyId = id.parse()?;
            show(&registry.rotate(&caller(name)?, &id, overlap).await?);
        }
        ["revoke", name, id] => {
            let owner = keys::former_caller(name);
            registry.revoke(&owner, &id.parse()?).await?;
        }
        _ => return Err(USAGE.into()),
    }
    Ok(())
}

fn caller(name: &str) -> Result<Identity, String> {
    keys::caller(name).ok_or_else(|| format!("{name} is not one of the callers"))
}

fn show(created: &CreatedKey) {
    println!("{}", created.key.expose());
    eprintln!("id: {}", created.key.id());
}
