-- KEYS: the token
-- ARGV: ttl, which only moves forward
local ttl = math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[1]))
redis.call('SET', KEYS[1], '1', 'PX', string.format('%.0f', ttl))
return 1
