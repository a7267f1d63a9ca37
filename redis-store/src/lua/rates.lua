-- KEYS: buckets
-- ARGV: what to do (take, peek or give), now, then of each bucket its interval, its span and the cost
-- All in microseconds. A bucket is the instant at which it is full again.
-- Returns 0 and how many tokens remain in each bucket, or the place of one that has too few and in how
-- long it has enough.
local verb, now = ARGV[1], tonumber(ARGV[2])
-- By how much the clocks of callers may differ: auth_layer::MAX_LEEWAY.
local leeway = 300 * 1000000
local function keep(key, full_at)
  -- Long enough that it is there until all callers call it full.
  local ttl = math.ceil((math.max(full_at - now, 0) + leeway) / 1000)
  redis.call('SET', key, string.format('%.0f', full_at), 'PX', string.format('%.0f', ttl))
end
local answer = { 0 }
for i, key in ipairs(KEYS) do
  local interval, span = tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1])
  local cost = tonumber(ARGV[3 * i + 2])
  local stored = tonumber(redis.call('GET', key) or '0')
  local full_at = math.max(stored, now)
  -- Further ahead than an empty bucket's, by another caller's clock, it cannot be: a clock was set back.
  if stored > now + span + leeway then full_at = now + span end
  if verb == 'give' then
    -- Not the time of this caller instead: for others, whose clocks are behind, it may not be full.
    if stored > now then keep(key, full_at - cost) end
  else
    local used = full_at - now + cost
    if used > span then
      -- As it is, so that no caller's clock gives others a token.
      if verb == 'take' and full_at ~= stored then keep(key, full_at) end
      return { i, string.format('%.0f', used - span) }
    end
    if verb == 'take' then keep(key, now + used) end
    answer[i + 1] = string.format('%.0f', math.floor((span - used) / interval))
  end
end
return answer
