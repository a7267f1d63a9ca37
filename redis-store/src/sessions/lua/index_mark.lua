-- KEYS: the index
-- ARGV: the next version, the id that is meant or nothing for all, the id that is excepted or nothing
-- Marks entries as ending; returns ids and what their entries were.
-- Logging out must not fail because memory is full. Redis refuses HSET then, unless the script has
-- already written; this is such a write, of which nothing comes.
redis.call('HDEL', KEYS[1], '')
local marked = {}
local entries = redis.call('HGETALL', KEYS[1])
for i = 1, #entries, 2 do
  local id, entry = entries[i], entries[i + 1]
  if id ~= 'v' and (ARGV[2] == '' or id == ARGV[2]) and id ~= ARGV[3] then
    -- What a login has ended stays as it is, for whoever marked it to see.
    if string.byte(entry) ~= 70 then
      redis.call('HSET', KEYS[1], id, 'E' .. string.sub(entry, 2, 44))
    end
    marked[#marked + 1] = id
    marked[#marked + 1] = entry
  end
end
if #marked > 0 then redis.call('HSET', KEYS[1], 'v', ARGV[1]) end
return marked
