//! A family as a row: how it comes, is found and goes.

use auth_layer::{SecretDigest, UserKey};
use jwt_layer::refresh::{Family, FamilyId, FamilyState, UsedToken};
use sqlx::Error;

use crate::connection::{Connection, Row, undecodable};
use crate::step::{Access, Step};
use crate::time::{millis, time};

fn decode(row: &Row) -> Result<FamilyState, Error> {
    let id = FamilyId::from_bytes(row.array(0)?);
    let family = Family::decode(id, &row.bytes(1)?).map_err(undecodable)?;
    let current = SecretDigest::from_bytes(row.array(2)?);
    let mut state = FamilyState::new(family, current, time(row.int(3)?));
    state.reused = row.int(4)? != 0;
    // Empty, if none was used yet.
    let used = row.bytes(5)?;
    if !used.is_empty() {
        let digest = SecretDigest::from_bytes(row.array(5)?);
        let mut used = UsedToken::new(digest, time(row.int(6)?));
        used.replays = u32::try_from(row.int(7)?).unwrap_or(u32::MAX);
        used.successor = row.bytes(8)?;
        state.used = Some(used);
    }
    Ok(state)
}

pub(super) struct Insert(pub(super) FamilyState);

impl Step for Insert {
    type Output = bool;

    const ACCESS: Access = Access::Write;

    async fn run(&self, connection: &mut Connection) -> Result<bool, Error> {
        const INSERT: &str = "INSERT INTO auth_refresh_families \
            (family_id, user_key, current_token, used_token, used_at, replays, successor, reused, \
                expires_at, family) \
            VALUES ($1, $2, $3, $4, 0, 0, $4, 0, $5, $6) ON CONFLICT DO NOTHING";

        let Self(new) = self;
        let (user, family) = (new.family.user(), new.family.encode());
        let parameters = [
            new.family.id.as_bytes().into(),
            user.as_bytes().into(),
            new.current.as_bytes().into(),
            (&[][..]).into(),
            millis(new.expires_at).into(),
            family.as_slice().into(),
        ];
        Ok(connection.execute(INSERT, &parameters).await? == 1)
    }
}

pub(super) struct Find(pub(super) FamilyId);

impl Step for Find {
    type Output = Option<FamilyState>;

    const ACCESS: Access = Access::Read;

    async fn run(&self, connection: &mut Connection) -> Result<Self::Output, Error> {
        const FIND: &str = "SELECT family_id, family, current_token, expires_at, reused, \
            used_token, used_at, replays, successor \
            FROM auth_refresh_families WHERE family_id = $1";

        let row = connection
            .optional(FIND, &[self.0.as_bytes().into()])
            .await?;
        row.as_ref().map(decode).transpose()
    }
}

pub(super) struct List(pub(super) UserKey);

impl Step for List {
    type Output = Vec<FamilyState>;

    const ACCESS: Access = Access::Read;

    async fn run(&self, connection: &mut Connection) -> Result<Self::Output, Error> {
        const LIST: &str = "SELECT family_id, family, current_token, expires_at, reused, \
            used_token, used_at, replays, successor \
            FROM auth_refresh_families WHERE user_key = $1";

        let rows = connection.all(LIST, &[self.0.as_bytes().into()]).await?;
        rows.iter().map(decode).collect()
    }
}

pub(super) struct End(pub(super) FamilyId);

impl Step for End {
    type Output = bool;

    const ACCESS: Access = Access::Write;

    async fn run(&self, connection: &mut Connection) -> Result<bool, Error> {
        const END: &str = "DELETE FROM auth_refresh_families WHERE family_id = $1";

        let parameters = [self.0.as_bytes().into()];
        Ok(connection.execute(END, &parameters).await? == 1)
    }
}
