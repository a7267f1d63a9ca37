-- KEYS: the key
-- ARGV: which switch, 1 to switch the key off and 0 to switch it on
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('SETRANGE', KEYS[1], ARGV[1], string.char(tonumber(ARGV[2])))
return 1
