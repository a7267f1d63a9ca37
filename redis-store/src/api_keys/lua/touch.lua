-- KEYS: keys
-- ARGV: when each was used
for i, name in ipairs(KEYS) do
  local used = redis.call('GETRANGE', name, 11, 18)
  if used ~= '' and (used == NEVER or struct.unpack('>I8', used) < tonumber(ARGV[i])) then
    redis.call('SETRANGE', name, 11, struct.pack('>I8', tonumber(ARGV[i])))
  end
end
return 1
