-- What has ended is found when it is swept.
CREATE INDEX auth_api_keys_by_expiry ON auth_api_keys (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX auth_api_keys_by_revocation ON auth_api_keys (revoked_at) WHERE revoked_at IS NOT NULL;
