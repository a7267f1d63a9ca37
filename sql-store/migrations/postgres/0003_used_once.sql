-- What may be used once: proofs, assertions, logout tokens.

CREATE TABLE auth_used_once (
    use_key BYTEA PRIMARY KEY,
    kept_until BIGINT NOT NULL
);
CREATE INDEX auth_used_once_by_end ON auth_used_once (kept_until);
