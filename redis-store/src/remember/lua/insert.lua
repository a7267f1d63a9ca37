-- KEYS: the series, the index of its user
-- ARGV: value, ttl, when it began, how many there may be, what keys of series begin with
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local digest = digest_of(KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], digest)
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
local max = tonumber(ARGV[4])
if redis.call('ZCARD', KEYS[2]) > max then
  -- Those that are over take no place.
  local live = {}
  for _, other in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    local series = redis.call('GETRANGE', ARGV[5] .. other, 0, 8)
    if series == '' then
      redis.call('ZREM', KEYS[2], other)
    elseif other ~= digest and tonumber(ARGV[3]) < struct.unpack('>I8', series, 2) then
      live[#live + 1] = other
    end
  end
  for i = 1, #live + 1 - max do
    redis.call('DEL', ARGV[5] .. live[i])
    redis.call('ZREM', KEYS[2], live[i])
  end
end
return 1
