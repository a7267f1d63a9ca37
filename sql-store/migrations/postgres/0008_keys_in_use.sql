-- The keys in use of an owner are counted without reading those that were revoked.
CREATE INDEX auth_api_keys_in_use ON auth_api_keys (owner_key) WHERE revoked_at IS NULL;
