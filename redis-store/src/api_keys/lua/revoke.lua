-- KEYS: the key
-- ARGV: its id, now, for how long to keep it, what indexes begin with if they are on this server,
-- whose it must be if that matters
-- Returns nothing if there is no such key; else whose it is, when it was revoked, and 1 if that is now.
local key = redis.call('GETRANGE', KEYS[1], 0, HEAD)
if key == '' then return false end
local owner, before = owner_of(key), revoked_at(key)
if ARGV[5] ~= '' and ARGV[5] ~= owner then return false end
if not before then
  local noted = revoke(KEYS[1], ARGV[2], ARGV[3])
  if ARGV[4] ~= '' then
    local index = index_of(ARGV[4], owner)
    if noted then enter_ending(index, ARGV[1], '-' .. ARGV[2], ARGV[3]) else leave(index, ARGV[1]) end
  end
  return { owner, ARGV[2], 1 }
end
return { owner, string.format('%.0f', before), 0 }
