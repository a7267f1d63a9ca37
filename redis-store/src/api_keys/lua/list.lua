-- KEYS: the index of the owner
-- ARGV: after which id, how many, what keys begin with
-- Returns ids and keys by turns.
local index, after, wanted = { KEYS[1], KEYS[2], KEYS[3] }, ARGV[1], tonumber(ARGV[2])
local found = {}
while wanted > 0 do
  local ids = page(index, after, wanted)
  if #ids == 0 then break end
  for _, id in ipairs(ids) do
    local key = redis.call('GET', ARGV[3] .. id)
    if key then
      found[#found + 1] = id
      found[#found + 1] = key
      wanted = wanted - 1
    else
      leave(index, id)
    end
  end
  after = ids[#ids]
end
return found
