//! `authctl keys`: the API keys in a database.

mod change;
mod record;

use apikey_layer::{ApiKeyStore as _, KeyId, Owner};
use clap::{Args, Subcommand};
use serde::Serialize;
use sql_store::SqlApiKeys;

use self::change::{RevokeArgs, SwitchArgs};
use self::record::Key;
use crate::database::DatabaseArgs;
use crate::report::{Failure, Report};

const LIST: &str = "\
Examples:
  authctl keys list --database sqlite:auth.db
  authctl keys list --owner ann --issuer https://id.example.com
  authctl --json keys list --limit 1000 | jq -r '.keys[] | select(.state == \"active\") | .id'

With `next` in the answer there are more: ask again with --after and that id.";

const SHOW: &str = "\
Examples:
  authctl keys show 8Zk2mWq4Lx0P --database sqlite:auth.db";

const REVOKE: &str = "\
Examples:
  authctl keys revoke 8Zk2mWq4Lx0P --database sqlite:auth.db
  authctl keys revoke --all-of ann --issuer https://id.example.com

A revoked key is never good again. Services that ask the database for each request refuse it at
once; those that remember answers (CachedApiKeys) do so within 5 seconds, unless set otherwise.";

const SWITCH: &str = "\
Examples:
  authctl keys disable 8Zk2mWq4Lx0P --database sqlite:auth.db
  authctl keys enable 8Zk2mWq4Lx0P --database sqlite:auth.db

This is the switch of the operator: the owner of a key has another one, and cannot move this.";

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// List the keys of an owner, or all
    #[command(after_help = LIST)]
    List(ListArgs),
    /// Show a key by its id
    #[command(after_help = SHOW)]
    Show(ShowArgs),
    /// Revoke keys by their ids, or all of an owner
    #[command(after_help = REVOKE)]
    Revoke(RevokeArgs),
    /// Switch keys off as the operator
    #[command(after_help = SWITCH)]
    Disable(SwitchArgs),
    /// Switch keys that the operator has switched off on again
    #[command(after_help = SWITCH)]
    Enable(SwitchArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    database: DatabaseArgs,

    /// The subject whose keys are listed; all keys, if it is not said
    #[arg(long, value_name = "SUBJECT")]
    owner: Option<String>,

    #[command(flatten)]
    realm: RealmArgs,

    /// Only keys behind this id, in the order of the ids
    #[arg(long, value_name = "ID")]
    after: Option<KeyId>,

    /// At most so many keys: 1 to 10000
    #[arg(long, default_value_t = 100, value_parser = limit)]
    limit: u16,
}

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The id of the key
    id: KeyId,

    #[command(flatten)]
    database: DatabaseArgs,
}

/// Whose subject it is. A subject of another issuer or tenant is somebody else.
#[derive(Args, Debug)]
struct RealmArgs {
    /// The issuer of the owner; none, if the service's own users are meant
    #[arg(long, value_name = "ISSUER")]
    issuer: Option<String>,

    /// The tenant of the owner
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
}

/// `{"keys", "next"}`; `next` is the id to go on behind, or null at the end. For a key see [`Key`].
#[derive(Serialize)]
struct Listed {
    keys: Vec<Key>,
    next: Option<String>,
}

/// `{"key"}`, null if there is none.
#[derive(Serialize)]
struct Shown {
    key: Option<Key>,
}

pub(crate) async fn run(command: &KeysCommand) -> Result<Report, Failure> {
    match command {
        KeysCommand::List(args) => list(args).await,
        KeysCommand::Show(args) => show(args).await,
        KeysCommand::Revoke(args) => change::revoke(args).await,
        KeysCommand::Disable(args) => change::switch(args, true).await,
        KeysCommand::Enable(args) => change::switch(args, false).await,
    }
}

async fn list(args: &ListArgs) -> Result<Report, Failure> {
    let owner = match &args.owner {
        Some(subject) => Some(args.realm.owner(subject)),
        None if args.realm.is_given() => {
            return Err(Failure::usage("--issuer and --tenant need --owner"));
        }
        None => None,
    };
    let keys = keys(&args.database).await?;
    let limit = usize::from(args.limit);
    let (after, asked) = (args.after.as_ref(), limit + 1);
    let mut records = match &owner {
        Some(owner) => keys.list(owner, after, asked).await?,
        None => keys.list_all(after, asked).await?,
    };
    let has_more = records.len() > limit;
    records.truncate(limit);
    let last = records.last().filter(|_| has_more);
    let next = last.map(|record| record.id().to_string());
    let keys: Vec<_> = records.iter().map(|record| Key::of(record)).collect();

    let mut text: String = keys.iter().map(Key::line).collect();
    if keys.is_empty() {
        text.push_str("there are no keys\n");
    }
    if let Some(next) = &next {
        text.push_str(&format!("there are more: --after {next}\n"));
    }
    Report::new(&Listed { keys, next }, text)
}

async fn show(args: &ShowArgs) -> Result<Report, Failure> {
    let keys = keys(&args.database).await?;
    let key = keys.find(&args.id).await?.map(|record| Key::of(&record));
    let text = match &key {
        Some(key) => key.lines(),
        None => "there is no such key".to_owned(),
    };
    let exists = key.is_some();
    Ok(Report::new(&Shown { key }, text)?.good_if(exists))
}

fn limit(text: &str) -> Result<u16, String> {
    let number = text.parse().ok();
    number
        .filter(|number| (1..=10_000).contains(number))
        .ok_or_else(|| "must be a number from 1 to 10000".to_owned())
}

async fn keys(database: &DatabaseArgs) -> Result<SqlApiKeys, Failure> {
    Ok(database.store().await?.api_keys())
}

impl RealmArgs {
    fn owner(&self, subject: &str) -> Owner {
        let mut owner = Owner::new(subject);
        owner.issuer.clone_from(&self.issuer);
        owner.tenant.clone_from(&self.tenant);
        owner
    }

    const fn is_given(&self) -> bool {
        self.issuer.is_some() || self.tenant.is_some()
    }
}
