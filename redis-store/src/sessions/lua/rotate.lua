-- KEYS: the old session, the new one, and the index of the new one's user if somebody is logged in
-- ARGV: as for create, then: indexes, version or nothing
local old = redis.call('GET', KEYS[1])
if not old then return 'gone' end
local now = tonumber(ARGV[4])
local _, expires = times(old)
if now >= expires then return 'gone' end
if ARGV[11] ~= '' and string.sub(old, 2, 9) ~= ARGV[11] then return { 'changed', old } end
if redis.call('EXISTS', KEYS[2]) == 1 then return 'collided' end
local old_id, old_user = id_of(old), user_of(old)
local over = {}
local index = KEYS[3]
if index then
  -- A refreshed session keeps its id, and what is replaced takes no place.
  if ARGV[5] ~= old_id and is_taken(index, ARGV[3], ARGV[5]) then return 'collided' end
  over = over_cap(index, ARGV[3], now, old_id, tonumber(ARGV[8]), ARGV[9] == '1')
  if not over then return 'full' end
end
-- What needs memory comes first: if there is none left it fails, and nothing has ended.
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
redis.call('DEL', KEYS[1])
if old_user then redis.call('HDEL', ARGV[10] .. old_user, old_id) end
if not index then return {} end
add(index, ARGV[5], ARGV[6], ARGV[7])
return end_all(index, over)
