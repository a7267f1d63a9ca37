-- KEYS: the family, as packed.rs writes it
-- ARGV: presented, next, its encrypted text, now, window, how often it may be replayed, when the
-- family is over then, for how long to keep it
local kept = redis.call('GET', KEYS[1])
if not kept then return { 'unknown' } end
local now = tonumber(ARGV[4])
if now >= struct.unpack('>I8', kept, 2) then return { 'unknown' } end
if string.byte(kept, 10) == 1 then return { 'reused' } end
local length = struct.unpack('>I4', kept, 130)
if ARGV[1] == string.sub(kept, 54, 85) then
  local used = ARGV[1] .. struct.pack('>I8', now) .. struct.pack('>I4', 0)
  local successor = struct.pack('>I4', string.len(ARGV[3])) .. ARGV[3]
  local head = string.sub(kept, 1, 1) .. struct.pack('>I8', tonumber(ARGV[7])) .. string.sub(kept, 10, 53)
  local family = string.sub(kept, 134 + length)
  redis.call('SET', KEYS[1], head .. ARGV[2] .. used .. successor .. family, 'PX', ARGV[8])
  return { 'rotated' }
end
local used_at = struct.unpack('>I8', kept, 118)
if ARGV[1] == string.sub(kept, 86, 117) and math.abs(now - used_at) < tonumber(ARGV[5]) then
  local replays = struct.unpack('>I4', kept, 126)
  if replays >= tonumber(ARGV[6]) then return { 'exhausted' } end
  redis.call('SETRANGE', KEYS[1], 125, struct.pack('>I4', replays + 1))
  return { 'repeated', string.sub(kept, 134, 133 + length) }
end
redis.call('SETRANGE', KEYS[1], 9, string.char(1))
return { 'reused' }
