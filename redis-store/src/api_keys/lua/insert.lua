-- KEYS: the key, the index of its owner
-- ARGV: value, id, now, limit, ended keys before this may be forgotten, what keys begin with, then of
-- one that ends its place in the index and ttl
local index = { KEYS[2], KEYS[3], KEYS[4] }
if redis.call('EXISTS', KEYS[1]) == 1 then return 'taken' end
if count(index, ARGV[3]) >= tonumber(ARGV[4]) then return 'full' end
if ARGV[7] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[8])
  enter_ending(index, ARGV[2], ARGV[7], ARGV[8])
else
  redis.call('SET', KEYS[1], ARGV[1])
  redis.call('ZADD', index[1], 0, ARGV[2])
end
for _, id in ipairs(ended_before(index, ARGV[5])) do
  if redis.call('EXISTS', ARGV[6] .. id) == 0 then leave(index, id) end
end
return 'done'
