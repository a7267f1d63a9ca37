-- Remember-me: one series of single-use secrets for each remembered login.

CREATE TABLE auth_remembered_logins (
    series_digest BYTEA PRIMARY KEY,
    user_key BYTEA NOT NULL,
    current_secret BYTEA NOT NULL,
    previous_secret BYTEA,
    replaced_at BIGINT,
    began_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    login BYTEA NOT NULL
);
CREATE INDEX auth_remembered_logins_of_user ON auth_remembered_logins (user_key, began_at);
CREATE INDEX auth_remembered_logins_by_end ON auth_remembered_logins (ends_at);
