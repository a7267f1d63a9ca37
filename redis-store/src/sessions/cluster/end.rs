//! Ending sessions that are marked in the index of their user.

use std::time::SystemTime;

use auth_layer::AuthError;
use futures_util::future::try_join_all;
use session_layer::SessionId;

use super::super::RedisSessions;
use super::index::{Change, Entry, State};

impl RedisSessions {
    /// Ends what was marked, and takes it out. Returns what of it this has ended: each session is
    /// ended by one method, that which marked it while it was there.
    pub(super) async fn end_marked(
        &self,
        user: &[u8],
        marked: &[Entry],
    ) -> Result<Vec<SessionId>, AuthError> {
        if marked.is_empty() {
            return Ok(Vec::new());
        }
        let removed = marked.iter().map(|entry| self.remove(&entry.digest));
        let removed = try_join_all(removed).await?;
        let marked: Vec<_> = marked.iter().zip(removed).collect();
        let was_gone = |(entry, removed): &(&Entry, bool)| !removed && entry.state == State::Live;
        let found = if marked.iter().any(was_gone) {
            self.read_index(user).await?.entries
        } else {
            Vec::new()
        };
        let is_found = |entry: &Entry| {
            let same = |other: &Entry| other.id == entry.id && other.digest == entry.digest;
            found
                .iter()
                .any(|other| same(other) && matches!(other.state, State::Found(_)))
        };
        let (mut changes, mut ended) = (Vec::new(), Vec::new());
        for (entry, removed) in marked {
            let is_mine = match entry.state {
                State::Found(_) => continue,
                State::Ending => removed,
                State::Live => removed || is_found(entry),
                // What is between its old secret and its new one ends with its entry.
                State::Replacing(_) => true,
            };
            if is_mine {
                ended.push(entry.session_id()?);
            }
            changes.push(Change::take_out_if(&entry.id, &entry.digest, b'E'));
            if entry.state != State::Ending {
                changes.push(Change::take_out_if(&entry.id, &entry.digest, b'F'));
            }
        }
        self.change_index(user, None, 0, &changes).await?;
        Ok(ended)
    }

    /// Ends what others have marked: they may have crashed. If they have not, they find that it was
    /// there.
    pub(super) async fn end_for_others(
        &self,
        user: &[u8],
        marked: &[&Entry],
        now: SystemTime,
    ) -> Result<(), AuthError> {
        if marked.is_empty() {
            return Ok(());
        }
        let heads = marked.iter().map(|entry| self.head(&entry.digest));
        let heads = try_join_all(heads).await?;
        let (there, gone): (Vec<_>, Vec<_>) = marked
            .iter()
            .zip(heads)
            .partition(|(_, head)| head.is_some());
        let changes: Vec<_> = there
            .iter()
            .map(|(entry, _)| Change::mark_found(entry, now))
            .collect();
        self.change_index(user, None, 0, &changes).await?;
        let removed = there.iter().map(|(entry, _)| self.remove(&entry.digest));
        try_join_all(removed).await?;
        let changes: Vec<_> = gone
            .iter()
            .filter_map(|(entry, _)| match entry.state {
                State::Found(_) if entry.was_found_long_ago(now) => {
                    Some(Change::take_out_if(&entry.id, &entry.digest, b'F'))
                }
                State::Found(_) => None,
                _ => Some(Change::take_out_if(&entry.id, &entry.digest, b'E')),
            })
            .collect();
        self.change_index(user, None, 0, &changes).await.map(|_| ())
    }
}
