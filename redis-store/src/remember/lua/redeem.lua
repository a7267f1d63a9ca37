-- KEYS: the series
-- ARGV: presented, next, now, grace, what keys of indexes begin with if they are on this server
local series = redis.call('GET', KEYS[1])
if not series then return false end
local now = tonumber(ARGV[3])
if now >= struct.unpack('>I8', series, 2) then return false end
local current, login = string.sub(series, 53, 84), string.sub(series, 125)
if ARGV[1] == current then
  local changed = ARGV[2] .. current .. struct.pack('>I8', now)
  redis.call('SET', KEYS[1], string.sub(series, 1, 52) .. changed .. login, 'KEEPTTL')
  return { 'rotated', login }
end
local replaced_at = struct.unpack('>I8', series, 117)
if ARGV[1] == string.sub(series, 85, 116) and math.abs(now - replaced_at) < tonumber(ARGV[4]) then
  return { 'repeated', login }
end
redis.call('DEL', KEYS[1])
local user = user_of(series)
if ARGV[5] ~= '' then redis.call('ZREM', ARGV[5] .. user, digest_of(KEYS[1])) end
return { 'reused', login, user }
