-- All keys but those that were revoked.
local function unrevoked(index)
  local ids = redis.call('ZRANGE', index[1], 0, -1)
  for _, id in ipairs(redis.call('ZRANGE', index[3], 0, '+inf', 'BYSCORE')) do ids[#ids + 1] = id end
  return ids
end
