//! What is kept of a user or a key and never searched for, as JSON text.
//!
//! JSON, and not columns, also because PostgreSQL cannot keep the character 0 in a text: in JSON it is
//! an escape.

use auth_layer::ScopeSet;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::Error;

use crate::connection::undecodable;

/// What an identity is made of, beside its subject.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Attributes {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) issuer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) roles: Vec<String>,
    #[serde(default, skip_serializing_if = "ScopeSet::is_empty")]
    pub(crate) scopes: ScopeSet,
}

pub(crate) fn to_json(attributes: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(attributes).map_err(|error| Error::Encode(error.into()))
}

pub(crate) fn from_json<T: DeserializeOwned>(json: &str) -> Result<T, Error> {
    serde_json::from_str(json).map_err(undecodable)
}

/// A name to look for. No stored name has the character 0 in it, and PostgreSQL would not take it: then
/// nobody is looked for, which is as much work as anybody.
#[cfg(any(feature = "digest", feature = "login"))]
pub(crate) fn searchable(name: &str) -> Option<&str> {
    Some(name).filter(|name| !name.contains('\0'))
}
