-- The index of a user: a hash of session ids; an entry is a letter and the digest of the secret.

-- The other live sessions of the user, without `except`. What is gone is taken out of the index.
local function others(index, sessions, now, except)
  local found = {}
  local entries = redis.call('HGETALL', index)
  for i = 1, #entries, 2 do
    local id, key = entries[i], sessions .. string.sub(entries[i + 1], 2)
    local head = redis.call('GETRANGE', key, 0, HEAD)
    if head == '' then
      redis.call('HDEL', index, id)
    elseif id ~= except then
      local seen, expires = times(head)
      if now < expires then
        found[#found + 1] = { id = id, key = key, seen = seen }
      end
    end
  end
  return found
end

local function is_taken(index, sessions, id)
  local entry = redis.call('HGET', index, id)
  return entry and redis.call('EXISTS', sessions .. string.sub(entry, 2)) == 1
end

-- Which sessions must end so that the cap holds with one more; false if it refuses.
local function over_cap(index, sessions, now, except, max, evict)
  if max == 0 then
    -- Without a cap, look for what is gone now and then: each time the index has doubled.
    local length, size = redis.call('HLEN', index), 64
    while size < length do size = size * 2 end
    if size == length then others(index, sessions, now, except) end
    return {}
  end
  local live = others(index, sessions, now, except)
  local excess = #live - max + 1
  if excess <= 0 then return {} end
  if not evict then return false end
  table.sort(live, function(a, b)
    if a.seen == b.seen then return a.id < b.id end
    return a.seen < b.seen
  end)
  local over = {}
  for i = 1, excess do over[i] = live[i] end
  return over
end

-- Ends sessions; returns the ids and the digests of those that were there, by turns.
local function end_all(index, over)
  local ended = {}
  for _, session in ipairs(over) do
    redis.call('HDEL', index, session.id)
    if redis.call('DEL', session.key) == 1 then
      ended[#ended + 1] = session.id
      ended[#ended + 1] = string.sub(session.key, -43)
    end
  end
  return ended
end

local function add(index, id, digest, ttl)
  redis.call('HSET', index, id, 'L' .. digest)
  if redis.call('PTTL', index) < tonumber(ttl) then redis.call('PEXPIRE', index, ttl) end
end
