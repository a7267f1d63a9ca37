-- KEYS: the index of the owner
-- ARGV: for how long revoked keys are kept, then ids and when they were revoked by turns
local index = { KEYS[1], KEYS[2], KEYS[3] }
for i = 2, #ARGV, 2 do enter_ending(index, ARGV[i], '-' .. ARGV[i + 1], ARGV[1]) end
return 1
