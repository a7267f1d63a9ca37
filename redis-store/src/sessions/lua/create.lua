-- KEYS: the session, and the index of its user if somebody is logged in
-- ARGV: value, ttl, sessions, now, id, digest, ttl of the index, max, whether to evict
if redis.call('EXISTS', KEYS[1]) == 1 then return 'collided' end
local over = {}
local index = KEYS[2]
if index then
  if is_taken(index, ARGV[3], ARGV[5]) then return 'collided' end
  over = over_cap(index, ARGV[3], tonumber(ARGV[4]), nil, tonumber(ARGV[8]), ARGV[9] == '1')
  if not over then return 'full' end
end
-- What needs memory comes first: if there is none left it fails, and nothing has ended.
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if not index then return {} end
add(index, ARGV[5], ARGV[6], ARGV[7])
return end_all(index, over)
