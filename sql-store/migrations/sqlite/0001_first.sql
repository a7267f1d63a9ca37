-- Times are milliseconds since 1970. Digests are SHA-256. Names are compared byte for byte.

CREATE TABLE auth_schema (
    version INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE auth_sessions (
    secret_digest BLOB PRIMARY KEY,
    session_id BLOB NOT NULL UNIQUE,
    user_key BLOB,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    record BLOB NOT NULL,
    data BLOB NOT NULL
) STRICT;
CREATE INDEX auth_sessions_of_user ON auth_sessions (user_key) WHERE user_key IS NOT NULL;
CREATE INDEX auth_sessions_by_expiry ON auth_sessions (expires_at);

CREATE TABLE auth_revoked_tokens (
    token_key BLOB PRIMARY KEY,
    kept_until INTEGER NOT NULL
) STRICT;
CREATE INDEX auth_revoked_tokens_by_expiry ON auth_revoked_tokens (kept_until);

CREATE TABLE auth_revoked_subjects (
    subject_key BLOB PRIMARY KEY,
    issued_until INTEGER NOT NULL,
    kept_until INTEGER NOT NULL
) STRICT;
CREATE INDEX auth_revoked_subjects_by_expiry ON auth_revoked_subjects (kept_until);

CREATE TABLE auth_users (
    username TEXT PRIMARY KEY,
    subject TEXT NOT NULL UNIQUE,
    password_hash TEXT,
    is_disabled INTEGER NOT NULL,
    credential_epoch INTEGER,
    -- JSON: tenant, roles, scopes.
    attributes TEXT NOT NULL
) STRICT;

CREATE TABLE auth_digest_users (
    user_key BLOB PRIMARY KEY,
    realm TEXT NOT NULL,
    username TEXT NOT NULL,
    subject TEXT NOT NULL,
    -- JSON: issuer, tenant, roles, scopes.
    attributes TEXT NOT NULL
) STRICT;

CREATE TABLE auth_digest_hashes (
    user_key BLOB NOT NULL REFERENCES auth_digest_users (user_key) ON DELETE CASCADE,
    algorithm TEXT NOT NULL,
    ha1 TEXT NOT NULL,
    userhash BLOB NOT NULL,
    PRIMARY KEY (user_key, algorithm)
) STRICT;
CREATE INDEX auth_digest_hashes_by_userhash ON auth_digest_hashes (userhash);

CREATE TABLE auth_api_keys (
    key_id TEXT PRIMARY KEY,
    digest BLOB NOT NULL,
    previous_digest BLOB,
    previous_valid_until INTEGER,
    owner_key BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    disabled_by_owner INTEGER NOT NULL,
    disabled_by_operator INTEGER NOT NULL,
    -- JSON: owner, name, roles, scopes, networks.
    attributes TEXT NOT NULL
) STRICT;
CREATE INDEX auth_api_keys_of_owner ON auth_api_keys (owner_key, key_id);
