-- KEYS: the subject
-- ARGV: the instant, as seconds and nanoseconds (12 bytes, big-endian), ttl
-- Both only move forward.
local instant = ARGV[1]
local stored = redis.call('GET', KEYS[1])
if stored then
  local seconds, nanos = struct.unpack('>I8I4', stored)
  local new_seconds, new_nanos = struct.unpack('>I8I4', instant)
  if seconds > new_seconds or (seconds == new_seconds and nanos > new_nanos) then
    instant = stored
  end
end
local ttl = math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[2]))
redis.call('SET', KEYS[1], instant, 'PX', string.format('%.0f', ttl))
return 1
