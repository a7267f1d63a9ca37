-- The index of an owner: keys without end by id, the others by id, and those again by when they ended
-- or will: as it is for an end, negative for a revocation.
local function index_of(prefix, owner)
  local begin = prefix .. '{' .. owner .. '}:'
  return { begin .. 'lasting', begin .. 'ending', begin .. 'ends' }
end

local function count(index, now)
  return redis.call('ZCARD', index[1]) + redis.call('ZCOUNT', index[3], '(' .. now, '+inf')
end

-- Some that ended before.
local function ended_before(index, before)
  return redis.call('ZRANGE', index[3], '(-' .. before, '(' .. before, 'BYSCORE', 'LIMIT', 0, 20)
end

local function leave(index, id)
  for _, part in ipairs(index) do redis.call('ZREM', part, id) end
end

-- A key that ends; it is kept for so long.
local function enter_ending(index, id, score, ttl)
  redis.call('ZREM', index[1], id)
  redis.call('ZADD', index[2], 0, id)
  redis.call('ZADD', index[3], score, id)
  for part = 2, 3 do
    if redis.call('PTTL', index[part]) < tonumber(ttl) then redis.call('PEXPIRE', index[part], ttl) end
  end
end

-- The next ids of both lists in their order.
local function page(index, after, limit)
  local begin = after == '' and '-' or '(' .. after
  local one = redis.call('ZRANGE', index[1], begin, '+', 'BYLEX', 'LIMIT', 0, limit)
  local other = redis.call('ZRANGE', index[2], begin, '+', 'BYLEX', 'LIMIT', 0, limit)
  local ids, i, j = {}, 1, 1
  while #ids < limit and (one[i] or other[j]) do
    local id = one[i]
    if not id or (other[j] and other[j] < id) then id = other[j] end
    ids[#ids + 1] = id
    if one[i] == id then i = i + 1 end
    if other[j] == id then j = j + 1 end
  end
  return ids
end
