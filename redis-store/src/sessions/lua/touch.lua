-- KEYS: the session
-- ARGV: when it was seen, until when it shall live, how much longer to keep it
local head = redis.call('GETRANGE', KEYS[1], 0, HEAD)
if head == '' then return 0 end
local seen, expires, ends = times(head)
local at, till = tonumber(ARGV[1]), math.min(tonumber(ARGV[2]), ends)
if at >= expires then return 0 end
if at > seen or till > expires then
  local later = struct.pack('>I8I8', math.max(at, seen), math.max(till, expires))
  redis.call('SETRANGE', KEYS[1], 9, later)
end
if till > expires then
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', till - at + tonumber(ARGV[3])))
end
return 1
