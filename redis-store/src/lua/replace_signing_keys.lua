-- KEYS: the ring
-- ARGV: the document, the one that is expected, if any is
if redis.call('GET', KEYS[1]) ~= (ARGV[2] or false) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1])
return 1
