-- Rings of signing keys: one document each, encrypted by who writes it.

CREATE TABLE auth_signing_keys (
    ring TEXT PRIMARY KEY,
    document BYTEA NOT NULL
);
