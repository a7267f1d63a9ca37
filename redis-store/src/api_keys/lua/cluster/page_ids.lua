-- KEYS: the index of the owner
-- ARGV: after which id, how many
return page({ KEYS[1], KEYS[2], KEYS[3] }, ARGV[1], tonumber(ARGV[2]))
