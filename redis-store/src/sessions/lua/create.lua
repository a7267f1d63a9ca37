-- KEYS: the session, and the index of its user if somebody is logged in
-- ARGV: value, ttl, sessions, now, id, digest, ttl of the index, max, whether to evict
if redis.call('EXISTS', KEYS[1]) == 1 then return 'collided' end
local ended = {}
local index = KEYS[2]
if index then
  if is_taken(index, ARGV[3], ARGV[5]) then return 'collided' end
  local over = over_cap(index, ARGV[3], tonumber(ARGV[4]), nil, tonumber(ARGV[8]), ARGV[9] == '1')
  if not over then return 'full' end
  ended = end_all(index, over)
  add(index, ARGV[5], ARGV[6], ARGV[7])
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ended
