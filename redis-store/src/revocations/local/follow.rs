//! Loading the copy, and keeping up with what changes.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisResult, Value, cmd};
use tokio::time::sleep;

use super::super::{Id, Kind};
use super::entries::{Entries, Next};

/// How long a copy stays off that had too many, or that Redis does not let us load.
const PAUSE: Duration = Duration::from_secs(60);

/// How many keys Redis looks at for one answer, so that none takes it long.
const STRIDE: usize = 1_000;

/// Returns when the connection serves no longer, or is to be made anew.
pub(super) async fn follow(entries: &Entries, mut connection: MultiplexedConnection) {
    loop {
        if let Err(error) = load(entries, &mut connection).await {
            // Trying again at once would help only if it was the connection.
            if !error.is_io_error() && !error.is_unrecoverable_error() {
                tracing::error!(error = %error, "the revocations cannot be loaded");
                sleep(PAUSE).await;
            }
            return;
        }
        loop {
            match entries.next() {
                Next::Wait => entries.wake.notified().await,
                Next::Reload => break,
                Next::Full => {
                    tracing::error!(
                        capacity = entries.capacity(),
                        "there are more revocations than the local copy may hold: it is off"
                    );
                    sleep(PAUSE).await;
                    return;
                }
                Next::Read(asked) => {
                    if read(entries, &asked, &mut connection).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

/// Finds all that there is. What changes meanwhile is heard.
async fn load(entries: &Entries, connection: &mut MultiplexedConnection) -> RedisResult<()> {
    entries.begin_to_load();
    for kind in [Kind::Token, Kind::Subject] {
        let pattern = format!("{}*", entries.beginning(kind));
        let mut cursor = b"0".to_vec();
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(&cursor).arg("MATCH").arg(&pattern);
            scan.arg("COUNT").arg(STRIDE);
            let (next, keys) = page(ask(connection, &scan).await?)?;
            entries.found(&keys);
            loop {
                match entries.next() {
                    Next::Wait => break,
                    Next::Reload | Next::Full => return Ok(()),
                    Next::Read(asked) => read(entries, &asked, connection).await?,
                }
            }
            if next == b"0" {
                break;
            }
            cursor = next;
        }
    }
    if entries.is_loaded() {
        tracing::debug!("the local copy of revocations is whole");
    }
    Ok(())
}

/// Asks for what has changed.
async fn read(
    entries: &Entries,
    asked: &[(Id, u64)],
    connection: &mut MultiplexedConnection,
) -> RedisResult<()> {
    let keys: Vec<_> = asked
        .iter()
        .map(|(id, _)| id.key(entries.beginning(id.kind)))
        .collect();
    match ask(connection, &Cmd::mget(keys)).await? {
        Value::Array(values) if values.len() == asked.len() => {
            entries.learn(asked, &values);
            Ok(())
        }
        _ => Err(unexpected()),
    }
}

async fn ask(connection: &mut MultiplexedConnection, command: &Cmd) -> RedisResult<Value> {
    connection
        .send_packed_command(command)
        .await?
        .extract_error()
}

/// The cursor and the keys of an answer to `SCAN`.
fn page(answer: Value) -> RedisResult<(Vec<u8>, Vec<Value>)> {
    let Value::Array(parts) = answer else {
        return Err(unexpected());
    };
    match <[Value; 2]>::try_from(parts) {
        Ok([Value::BulkString(cursor), Value::Array(keys)]) => Ok((cursor, keys)),
        _ => Err(unexpected()),
    }
}

#[cold]
fn unexpected() -> redis::RedisError {
    redis::RedisError::from((
        redis::ErrorKind::UnexpectedReturnType,
        "not what was asked for",
    ))
}
