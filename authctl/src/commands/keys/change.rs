//! `authctl keys revoke`, `disable` and `enable`.

use std::time::SystemTime;

use apikey_layer::{ApiKeyStore as _, DisabledBy, KeyId};
use clap::Args;
use serde::Serialize;

use super::{RealmArgs, keys};
use crate::database::DatabaseArgs;
use crate::report::{Failure, Report};

#[derive(Args, Debug)]
pub(crate) struct RevokeArgs {
    /// The ids of the keys
    #[arg(
        value_name = "ID",
        required_unless_present = "all_of",
        conflicts_with = "all_of"
    )]
    ids: Vec<KeyId>,

    /// All keys of this subject instead
    #[arg(long, value_name = "SUBJECT")]
    all_of: Option<String>,

    #[command(flatten)]
    realm: RealmArgs,

    #[command(flatten)]
    database: DatabaseArgs,
}

#[derive(Args, Debug)]
pub(crate) struct SwitchArgs {
    /// The ids of the keys
    #[arg(value_name = "ID", required = true)]
    ids: Vec<KeyId>,

    #[command(flatten)]
    database: DatabaseArgs,
}

/// `{"changed", "missing"}`: ids of keys that are now as was asked, and ids of which there is no key.
#[derive(Default, Serialize)]
struct Changed {
    changed: Vec<String>,
    missing: Vec<String>,
}

/// `{"revoked"}`: how many keys of the owner were not revoked before; `problem` too, if there is none at
/// all.
#[derive(Serialize)]
struct RevokedAll {
    revoked: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'static str>,
}

const NO_KEYS: &str = "this owner has no keys; those of a subject of another issuer or tenant need \
                       --issuer and --tenant, as `authctl keys list` shows them";

/// What becomes of the keys.
#[derive(Clone, Copy)]
enum Change {
    Disabled(bool),
    Revoked,
}

pub(super) async fn revoke(args: &RevokeArgs) -> Result<Report, Failure> {
    if let Some(subject) = &args.all_of {
        let owner = args.realm.owner(subject);
        let keys = keys(&args.database).await?;
        let revoked = keys.revoke_owned_by(&owner, SystemTime::now()).await?;
        // Who has no key at all is not whom the operator means: a subject of another issuer or tenant is
        // somebody else.
        let exists = revoked > 0 || !keys.list(&owner, None, 1).await?.is_empty();
        let problem = (!exists).then_some(NO_KEYS);
        let text = match problem {
            Some(problem) => problem.to_owned(),
            None => format!("revoked {revoked} keys that were not revoked before"),
        };
        return Ok(Report::new(&RevokedAll { revoked, problem }, text)?.good_if(exists));
    }
    if args.realm.is_given() {
        return Err(Failure::usage("--issuer and --tenant need --all-of"));
    }
    change(&args.ids, &args.database, Change::Revoked).await
}

pub(super) async fn switch(args: &SwitchArgs, off: bool) -> Result<Report, Failure> {
    change(&args.ids, &args.database, Change::Disabled(off)).await
}

/// Each key by itself: an error says at which the rest was left.
async fn change(ids: &[KeyId], database: &DatabaseArgs, what: Change) -> Result<Report, Failure> {
    let keys = keys(database).await?;
    let mut outcome = Changed::default();
    let mut text = String::new();
    for id in ids {
        let done = match what {
            Change::Disabled(off) => keys.set_disabled(id, DisabledBy::Operator, off).await,
            Change::Revoked => keys.revoke(id, SystemTime::now()).await,
        };
        let exists = done.map_err(|error| {
            let cause = Failure::from(error);
            Failure::Unavailable(format!("{cause}; {id} and those after it may be unchanged"))
        })?;
        if exists {
            text.push_str(&format!("{id} is {}\n", what.name()));
            outcome.changed.push(id.to_string());
        } else {
            text.push_str(&format!("{id}: there is no such key\n"));
            outcome.missing.push(id.to_string());
        }
    }
    let all = outcome.missing.is_empty();
    Ok(Report::new(&outcome, text)?.good_if(all))
}

impl Change {
    const fn name(self) -> &'static str {
        match self {
            Self::Disabled(true) => "switched off",
            Self::Disabled(false) => "switched on, as far as the operator is concerned",
            Self::Revoked => "revoked",
        }
    }
}
