-- KEYS: the index
-- ARGV: the version it must have or `*`, the next version, ttl or 0, then by threes:
--   an id, what its entry must begin with (or `*`), what it becomes (or nothing: it is taken out)
-- Returns how many entries have changed, or all there is if the version is another.
local version = redis.call('HGET', KEYS[1], 'v') or ''
if ARGV[1] ~= '*' and ARGV[1] ~= version then return redis.call('HGETALL', KEYS[1]) end
local changed = 0
for i = 4, #ARGV, 3 do
  local id, from, to = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local entry = redis.call('HGET', KEYS[1], id)
  if from == '*' or (entry and string.sub(entry, 1, #from) == from) then
    changed = changed + 1
    if to == '' then
      redis.call('HDEL', KEYS[1], id)
    else
      redis.call('HSET', KEYS[1], id, to)
    end
  end
end
if changed > 0 then
  redis.call('HSET', KEYS[1], 'v', ARGV[2])
  if redis.call('HLEN', KEYS[1]) == 1 then
    redis.call('DEL', KEYS[1])
  elseif redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
  end
end
return changed
