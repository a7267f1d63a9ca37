-- KEYS: buckets
-- ARGV: what to do (take, peek or give), now, then of each bucket its interval and its span
-- All in microseconds. A bucket is the instant at which it is full again.
-- Returns 0 and how many tokens remain where there are fewest, or the place of an empty bucket and in
-- how long it has a token.
local verb, now = ARGV[1], tonumber(ARGV[2])
local function keep(key, full_at)
  -- A minute more, for callers whose clocks stand still a little.
  local ttl = math.ceil((full_at - now) / 1000) + 60000
  redis.call('SET', key, string.format('%.0f', full_at), 'PX', string.format('%.0f', ttl))
end
local fewest = -1
for i, key in ipairs(KEYS) do
  local interval, span = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
  local stored = tonumber(redis.call('GET', key) or '0')
  -- Further ahead than an empty bucket's it cannot be: a clock has been set back.
  local full_at = math.min(math.max(stored, now), now + span)
  if verb == 'give' then
    full_at = math.max(full_at - interval, now)
    if full_at == now then redis.call('DEL', key) else keep(key, full_at) end
  else
    local used = full_at - now + interval
    if used > span then
      if verb == 'take' and full_at ~= stored then keep(key, full_at) end
      return { i, string.format('%.0f', used - span) }
    end
    if verb == 'take' then keep(key, now + used) end
    local remaining = math.floor((span - used) / interval)
    if fewest < 0 or remaining < fewest then fewest = remaining end
  end
end
return { 0, string.format('%.0f', fewest) }
