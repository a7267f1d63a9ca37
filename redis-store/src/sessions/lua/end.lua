-- KEYS: the session
-- ARGV: the version it must have or nothing, the time at which it must be live or nothing
local session = redis.call('GET', KEYS[1])
if not session then return false end
local _, expires = times(session)
if ARGV[2] ~= '' and tonumber(ARGV[2]) >= expires then return false end
if ARGV[1] ~= '' and string.sub(session, 2, 9) ~= ARGV[1] then return { session } end
redis.call('DEL', KEYS[1])
return string.sub(session, 1, 102)
