-- KEYS: the session
-- ARGV: indexes
local head = redis.call('GETRANGE', KEYS[1], 0, HEAD)
if head == '' then return 0 end
redis.call('DEL', KEYS[1])
local user = user_of(head)
if user then redis.call('HDEL', ARGV[1] .. user, id_of(head)) end
return 1
