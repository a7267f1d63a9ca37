ALTER TABLE auth_api_keys ADD COLUMN previous_replaced_at INTEGER;
ALTER TABLE auth_api_keys ADD COLUMN last_used_at INTEGER;
-- When earlier ones were replaced was not kept: before they end. At the end would be no overlap.
UPDATE auth_api_keys SET previous_replaced_at = previous_valid_until - 1;
