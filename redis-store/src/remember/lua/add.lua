-- KEYS: the index of the user
-- ARGV: digest, when it began, ttl. Returns how many there are.
redis.call('ZADD', KEYS[1], 'NX', ARGV[2], ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return redis.call('ZCARD', KEYS[1])
