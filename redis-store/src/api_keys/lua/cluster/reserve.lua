-- KEYS: the index of the owner
-- ARGV: id, now, limit, until when the place is kept, for how long, ended keys before this may be forgotten
-- Returns what it was, and some that ended.
local index = { KEYS[1], KEYS[2], KEYS[3] }
if redis.call('ZSCORE', index[1], ARGV[1]) or redis.call('ZSCORE', index[2], ARGV[1]) then
  return { 'taken' }
end
if count(index, ARGV[2]) >= tonumber(ARGV[3]) then return { 'full' } end
local ended = ended_before(index, ARGV[6])
enter_ending(index, ARGV[1], ARGV[4], ARGV[5])
return { 'done', unpack(ended) }
