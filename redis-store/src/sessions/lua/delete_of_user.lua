-- KEYS: the index of the user
-- ARGV: sessions, the id that is meant or nothing for all, the id that is excepted or nothing
local over = {}
local entries = redis.call('HGETALL', KEYS[1])
for i = 1, #entries, 2 do
  local id = entries[i]
  if (ARGV[2] == '' or id == ARGV[2]) and id ~= ARGV[3] then
    over[#over + 1] = { id = id, key = ARGV[1] .. string.sub(entries[i + 1], 2) }
  end
end
return end_all(KEYS[1], over)
