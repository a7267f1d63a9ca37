-- KEYS: the family
-- ARGV: its id, what keys of indexes begin with if they are on this server
-- Returns whose it was, or nothing.
local kept = redis.call('GET', KEYS[1])
if not kept then return false end
redis.call('DEL', KEYS[1])
local user = string.sub(kept, 11, 53)
if ARGV[2] ~= '' then redis.call('ZREM', ARGV[2] .. user, ARGV[1]) end
return user
