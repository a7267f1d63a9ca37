-- Times are milliseconds since 1970. Digests are SHA-256. Names are compared byte for byte.

CREATE TABLE auth_schema (
    version BIGINT PRIMARY KEY
);

CREATE TABLE auth_sessions (
    secret_digest BYTEA PRIMARY KEY,
    session_id BYTEA NOT NULL UNIQUE,
    user_key BYTEA,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    record BYTEA NOT NULL,
    data BYTEA NOT NULL
);
CREATE INDEX auth_sessions_of_user ON auth_sessions (user_key) WHERE user_key IS NOT NULL;
CREATE INDEX auth_sessions_by_expiry ON auth_sessions (expires_at);

CREATE TABLE auth_revoked_tokens (
    token_key BYTEA PRIMARY KEY,
    kept_until BIGINT NOT NULL
);
CREATE INDEX auth_revoked_tokens_by_expiry ON auth_revoked_tokens (kept_until);

CREATE TABLE auth_revoked_subjects (
    subject_key BYTEA PRIMARY KEY,
    issued_until BIGINT NOT NULL,
    kept_until BIGINT NOT NULL
);
CREATE INDEX auth_revoked_subjects_by_expiry ON auth_revoked_subjects (kept_until);

CREATE TABLE auth_users (
    username TEXT COLLATE "C" PRIMARY KEY,
    subject TEXT COLLATE "C" NOT NULL UNIQUE,
    password_hash TEXT,
    is_disabled BOOLEAN NOT NULL,
    credential_epoch BIGINT,
    -- JSON: tenant, roles, scopes.
    attributes TEXT NOT NULL
);

CREATE TABLE auth_digest_users (
    user_key BYTEA PRIMARY KEY,
    realm TEXT COLLATE "C" NOT NULL,
    username TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    -- JSON: issuer, tenant, roles, scopes.
    attributes TEXT NOT NULL
);

CREATE TABLE auth_digest_hashes (
    user_key BYTEA NOT NULL REFERENCES auth_digest_users (user_key) ON DELETE CASCADE,
    algorithm TEXT NOT NULL,
    ha1 TEXT NOT NULL,
    userhash BYTEA NOT NULL,
    PRIMARY KEY (user_key, algorithm)
);
CREATE INDEX auth_digest_hashes_by_userhash ON auth_digest_hashes (userhash);

CREATE TABLE auth_api_keys (
    key_id TEXT COLLATE "C" PRIMARY KEY,
    digest BYTEA NOT NULL,
    previous_digest BYTEA,
    previous_valid_until BIGINT,
    owner_key BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    disabled_by_owner BOOLEAN NOT NULL,
    disabled_by_operator BOOLEAN NOT NULL,
    -- JSON: owner, name, roles, scopes, networks.
    attributes TEXT NOT NULL
);
CREATE INDEX auth_api_keys_of_owner ON auth_api_keys (owner_key, key_id);
