-- KEYS: the index of the owner
-- ARGV: id, the end of its reservation, then of one that ends its place and ttl
-- A key that was revoked since it was stored has its place.
local index = { KEYS[1], KEYS[2], KEYS[3] }
local reserved = redis.call('ZSCORE', index[3], ARGV[1])
if reserved and tonumber(reserved) ~= tonumber(ARGV[2]) then return 0 end
if ARGV[3] then
  enter_ending(index, ARGV[1], ARGV[3], ARGV[4])
else
  redis.call('ZADD', index[1], 0, ARGV[1])
  redis.call('ZREM', index[2], ARGV[1])
  redis.call('ZREM', index[3], ARGV[1])
end
return 1
