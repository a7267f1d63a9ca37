-- Refresh tokens: one family for each login that is continued by them.

CREATE TABLE auth_refresh_families (
    family_id BLOB PRIMARY KEY,
    user_key BLOB NOT NULL,
    current_token BLOB NOT NULL,
    used_token BLOB NOT NULL,
    used_at INTEGER NOT NULL,
    replays INTEGER NOT NULL,
    successor BLOB NOT NULL,
    reused INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    family BLOB NOT NULL
) STRICT;
CREATE INDEX auth_refresh_families_of_user ON auth_refresh_families (user_key);
CREATE INDEX auth_refresh_families_by_end ON auth_refresh_families (expires_at);
