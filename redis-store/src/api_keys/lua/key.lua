-- A key, as packed.rs writes it.
local HEAD = 158
local NEVER = string.rep(string.char(255), 8)

local function revoked_at(key)
  local at = string.sub(key, 4, 11)
  return at ~= NEVER and struct.unpack('>I8', at)
end

local function owner_of(key) return string.sub(key, 36, 78) end

-- Revokes a key. Where there is no memory left to note it, the key is removed, which ends it as well;
-- then this returns false.
local function revoke(name, at, ttl)
  local noted = redis.pcall('SETRANGE', name, 3, struct.pack('>I8', tonumber(at)))
  if type(noted) == 'table' and noted.err then
    if not string.find(noted.err, 'OOM ', 1, true) then error(noted.err) end
    redis.call('DEL', name)
    return false
  end
  redis.call('PEXPIRE', name, ttl)
  return true
end
