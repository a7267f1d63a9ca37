-- A series, as packed.rs writes it. Its key ends with the digest of its selector.
local function user_of(series) return string.sub(series, 10, 52) end
local function digest_of(key) return string.sub(key, -43) end
