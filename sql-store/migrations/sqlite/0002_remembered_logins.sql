-- Remember-me: one series of single-use secrets for each remembered login.

CREATE TABLE auth_remembered_logins (
    series_digest BLOB PRIMARY KEY,
    user_key BLOB NOT NULL,
    current_secret BLOB NOT NULL,
    previous_secret BLOB,
    replaced_at INTEGER,
    began_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    login BLOB NOT NULL
) STRICT;
CREATE INDEX auth_remembered_logins_of_user ON auth_remembered_logins (user_key, began_at);
CREATE INDEX auth_remembered_logins_by_end ON auth_remembered_logins (ends_at);
