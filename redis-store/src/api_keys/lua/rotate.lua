-- KEYS: the key
-- ARGV: the digest that it must have, the one that it gets, now, until when the old one is good
local key = redis.call('GETRANGE', KEYS[1], 0, HEAD)
if key == '' then return 'unknown' end
if revoked_at(key) then return 'revoked' end
if string.sub(key, 79, 110) ~= ARGV[1] then return 'changed' end
local times = struct.pack('>I8I8', tonumber(ARGV[3]), tonumber(ARGV[4]))
redis.call('SETRANGE', KEYS[1], 78, ARGV[2] .. string.char(1) .. ARGV[1] .. times)
return 'done'
