//! What somebody asks for, in JSON or in a form.

use std::str::FromStr;
use std::time::Duration;

use apikey_layer::{KeyError, NewKey};
use auth_layer::{ConfigError, Identity, Origin, Rate, ScopeSet};
use serde::Deserialize;

use crate::duration;

/// `{"name","scopes":[],"expires_in"?:"30d","allowed_cidrs"?:[],"allowed_origins"?:[],"limit"?:"100/m"}`
#[derive(Deserialize)]
pub(super) struct CreateRequest {
    pub(super) name: String,
    #[serde(default)]
    pub(super) scopes: ScopeSet,
    pub(super) expires_in: Option<String>,
    #[serde(default)]
    pub(super) allowed_cidrs: Vec<String>,
    #[serde(default)]
    pub(super) allowed_origins: Vec<String>,
    /// Several at once with commas between: `100/m,10000/30d`.
    pub(super) limit: Option<String>,
}

impl CreateRequest {
    /// The key that `owner` asks for, with the roles that they have.
    pub(super) fn into_new_key(self, owner: &Identity) -> Result<NewKey, KeyError> {
        let mut new = NewKey::new(self.name)
            .scopes(self.scopes)
            .roles(owner.roles());
        if let Some(lifetime) = self.expires_in {
            new = new.expires_in(read_duration("expires_in", &lifetime)?);
        }
        let networks = read_all("allowed_cidrs", &self.allowed_cidrs)?;
        let origins = read_all::<Origin>("allowed_origins", &self.allowed_origins)?;
        let limits: Vec<_> = self.limit.iter().flat_map(|text| text.split(',')).collect();
        Ok(new
            .allowed_cidrs(networks)
            .allowed_origins(origins)
            .limits(read_all::<Rate>("limit", &limits)?))
    }
}

pub(super) fn read_duration(option: &'static str, text: &str) -> Result<Duration, KeyError> {
    duration::parse(text).ok_or_else(|| {
        let problem = "must be a duration like 30s, 10m, 12h or 30d";
        KeyError::Invalid(ConfigError::new(option, problem))
    })
}

/// Each of them, or an error that names the option.
fn read_all<T: FromStr>(
    option: &'static str,
    texts: &[impl AsRef<str>],
) -> Result<Vec<T>, KeyError> {
    let read = texts.iter().map(|text| text.as_ref().trim().parse());
    read.collect::<Result<_, _>>().map_err(|_| {
        let problem = match option {
            "limit" => "must be like 100/m, or several with commas between",
            "allowed_cidrs" => "must be networks like 192.0.2.0/24",
            _ => "must be origins like https://example.com",
        };
        KeyError::Invalid(ConfigError::new(option, problem))
    })
}
