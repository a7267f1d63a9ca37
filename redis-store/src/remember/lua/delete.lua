-- KEYS: the series
-- ARGV: what keys of indexes begin with if they are on this server
-- Returns whose it was, or nothing.
local series = redis.call('GET', KEYS[1])
if not series then return false end
redis.call('DEL', KEYS[1])
local user = user_of(series)
if ARGV[1] ~= '' then redis.call('ZREM', ARGV[1] .. user, digest_of(KEYS[1])) end
return user
