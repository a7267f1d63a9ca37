//! How many sessions a user may have.

use session_layer::{NewSession, SessionId, UserKey, WhenFull};
use sqlx::Error;

use crate::connection::Connection;
use crate::time::millis;

/// Ends what is over the cap now that `new` is stored, and says what; `None` if the cap refuses. The
/// user is locked.
pub(super) async fn make_room(
    connection: &mut Connection,
    new: &NewSession,
) -> Result<Option<Vec<SessionId>>, Error> {
    const OTHERS: &str = "SELECT session_id FROM auth_sessions \
        WHERE user_key = $1 AND expires_at > $2 AND secret_digest <> $3 \
        ORDER BY last_seen_at, created_at";
    const EVICT: &str = "DELETE FROM auth_sessions WHERE user_key = $1 AND session_id = $2";

    let (Some(cap), Some(user)) = (new.cap, new.record.user()) else {
        return Ok(Some(Vec::new()));
    };
    let user: &UserKey = &user;
    let now = millis(new.record.last_seen_at);
    let secret = new.secret.as_bytes();
    let parameters = [user.as_bytes().into(), now.into(), secret.into()];
    let others = connection.all(OTHERS, &parameters).await?;
    let room = usize::try_from(cap.max).unwrap_or(usize::MAX).max(1) - 1;
    let excess = others.len().saturating_sub(room);
    if excess == 0 {
        return Ok(Some(Vec::new()));
    }
    match cap.when_full {
        WhenFull::EvictOldest => {
            let mut evicted = Vec::with_capacity(excess);
            for other in &others[..excess] {
                let id = other.array(0)?;
                let parameters = [user.as_bytes().into(), (&id).into()];
                // A logout may have been quicker: it was not this that has ended it then.
                if connection.execute(EVICT, &parameters).await? == 1 {
                    evicted.push(SessionId::from_bytes(id));
                }
            }
            Ok(Some(evicted))
        }
        // And whatever else there may be one day.
        _ => Ok(None),
    }
}
