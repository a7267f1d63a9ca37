-- KEYS: the index of the user
-- ARGV: sessions
local found = {}
local entries = redis.call('HGETALL', KEYS[1])
for i = 1, #entries, 2 do
  local session = redis.call('GET', ARGV[1] .. string.sub(entries[i + 1], 2))
  if session then
    found[#found + 1] = session
  else
    redis.call('HDEL', KEYS[1], entries[i])
  end
end
return found
