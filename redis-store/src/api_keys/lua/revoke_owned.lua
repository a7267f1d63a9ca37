-- KEYS: the index of the owner
-- ARGV: now, for how long to keep them, what keys begin with
-- Returns how many were not revoked before.
local index, revoked = { KEYS[1], KEYS[2], KEYS[3] }, 0
for _, id in ipairs(unrevoked(index)) do
  local name = ARGV[3] .. id
  local key = redis.call('GETRANGE', name, 0, HEAD)
  if key ~= '' and not revoked_at(key) then
    if revoke(name, ARGV[1], ARGV[2]) then
      enter_ending(index, id, '-' .. ARGV[1], ARGV[2])
    else
      leave(index, id)
    end
    revoked = revoked + 1
  end
end
return revoked
