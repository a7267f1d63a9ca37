//! What is shown of a key. It has no secret, and its digest is nobody's business.

use std::time::SystemTime;

use apikey_layer::{DisabledBy, KeyRecord};
use serde::Serialize;

use crate::display::{lines, printable, rfc3339};

/// `{"id", "state", "owner": {"subject", "issuer", "tenant"}, "name", "scopes", "roles",
/// "allowed_cidrs", "allowed_origins", "limits", "created_at", "expires_at", "revoked_at",
/// "last_used_at", "disabled_by_owner", "disabled_by_operator", "previous_valid_until"}`
///
/// `state` is `active`, `disabled`, `expired` or `revoked`: of these the last that is so. Times are RFC 3339, or
/// null.
#[derive(Serialize)]
pub(super) struct Key {
    id: String,
    state: &'static str,
    owner: KeyOwner,
    name: String,
    scopes: Vec<String>,
    roles: Vec<String>,
    allowed_cidrs: Vec<String>,
    allowed_origins: Vec<String>,
    limits: Vec<String>,
    created_at: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    last_used_at: Option<String>,
    disabled_by_owner: bool,
    disabled_by_operator: bool,
    previous_valid_until: Option<String>,
}

#[derive(Serialize)]
struct KeyOwner {
    subject: String,
    issuer: Option<String>,
    tenant: Option<String>,
}

impl Key {
    pub(super) fn of(record: &KeyRecord) -> Self {
        let owner = record.owner();
        Self {
            id: record.id().to_string(),
            state: state(record, SystemTime::now()),
            owner: KeyOwner {
                subject: owner.subject.clone(),
                issuer: owner.issuer.clone(),
                tenant: owner.tenant.clone(),
            },
            name: record.name().to_owned(),
            scopes: record.scopes().iter().map(str::to_owned).collect(),
            roles: record.roles().map(str::to_owned).collect(),
            allowed_cidrs: record
                .allowed_cidrs()
                .iter()
                .map(ToString::to_string)
                .collect(),
            allowed_origins: record
                .allowed_origins()
                .iter()
                .map(ToString::to_string)
                .collect(),
            limits: record.limits().iter().map(ToString::to_string).collect(),
            created_at: rfc3339(record.created_at()),
            expires_at: record.expires_at().map(rfc3339),
            revoked_at: record.revoked_at().map(rfc3339),
            last_used_at: record.last_used_at().map(rfc3339),
            disabled_by_owner: record.is_disabled_by(DisabledBy::Owner),
            disabled_by_operator: record.is_disabled_by(DisabledBy::Operator),
            previous_valid_until: record.previous().map(|it| rfc3339(it.valid_until)),
        }
    }

    /// One line of a list.
    pub(super) fn line(&self) -> String {
        let Self {
            id, state, name, ..
        } = self;
        let mut owner = self.owner.subject.clone();
        let realm = [
            ("issuer", &self.owner.issuer),
            ("tenant", &self.owner.tenant),
        ];
        for (word, value) in realm {
            if let Some(value) = value {
                owner += &format!(" {word}={value}");
            }
        }
        format!(
            "{id}  {state:8}  {}  {}\n",
            printable(&owner),
            printable(name)
        )
    }

    /// All of it.
    pub(super) fn lines(&self) -> String {
        let or =
            |text: &Option<String>, none: &str| text.clone().unwrap_or_else(|| none.to_owned());
        let join = |texts: &[String], none: &str| match texts {
            [] => none.to_owned(),
            texts => texts.join(" "),
        };
        let switched_off = match (self.disabled_by_owner, self.disabled_by_operator) {
            (false, false) => "no",
            (true, false) => "by its owner",
            (false, true) => "by an operator",
            (true, true) => "by its owner and by an operator",
        };
        lines([
            ("id", self.id.clone()),
            ("state", self.state.to_owned()),
            ("name", self.name.clone()),
            ("owner", self.owner.subject.clone()),
            ("issuer", or(&self.owner.issuer, "this service")),
            ("tenant", or(&self.owner.tenant, "none")),
            ("scopes", join(&self.scopes, "none")),
            ("roles", join(&self.roles, "none")),
            ("networks", join(&self.allowed_cidrs, "any")),
            ("origins", join(&self.allowed_origins, "any")),
            ("limits", join(&self.limits, "none of its own")),
            ("created", self.created_at.clone()),
            ("expires", or(&self.expires_at, "never")),
            ("revoked", or(&self.revoked_at, "no")),
            ("switched off", switched_off.to_owned()),
            ("last used", or(&self.last_used_at, "not that is known")),
            (
                "old secret until",
                or(&self.previous_valid_until, "there is none"),
            ),
        ])
    }
}

fn state(record: &KeyRecord, now: SystemTime) -> &'static str {
    if record.revoked_at().is_some() {
        "revoked"
    } else if record.expires_at().is_some_and(|end| end <= now) {
        "expired"
    } else if record.is_disabled() {
        "disabled"
    } else {
        "active"
    }
}
