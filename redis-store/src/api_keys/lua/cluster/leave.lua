-- KEYS: the index of the owner
-- ARGV: ids
for _, id in ipairs(ARGV) do leave({ KEYS[1], KEYS[2], KEYS[3] }, id) end
return 1
