-- KEYS: the session
-- ARGV: the version it must have, the next one, the data
local session = redis.call('GET', KEYS[1])
if not session then return false end
if string.sub(session, 2, 9) ~= ARGV[1] then return session end
local lasting = struct.unpack('>I4', session, 99)
local head = string.sub(session, 1, 1) .. ARGV[2] .. string.sub(session, 10, 102 + lasting)
redis.call('SET', KEYS[1], head .. ARGV[3], 'KEEPTTL')
return 1
