-- Refresh tokens: one family for each login that is continued by them.

CREATE TABLE auth_refresh_families (
    family_id BYTEA PRIMARY KEY,
    user_key BYTEA NOT NULL,
    current_token BYTEA NOT NULL,
    used_token BYTEA NOT NULL,
    used_at BIGINT NOT NULL,
    replays BIGINT NOT NULL,
    successor BYTEA NOT NULL,
    reused BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    family BYTEA NOT NULL
);
CREATE INDEX auth_refresh_families_of_user ON auth_refresh_families (user_key);
CREATE INDEX auth_refresh_families_by_end ON auth_refresh_families (expires_at);
