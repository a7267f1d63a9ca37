-- Numbers in the head of a stored session, as packed.rs writes it: last seen, expires, ends.
local function times(head)
  local seen, expires, ends = struct.unpack('>I8I8I8', head, 10)
  return seen, expires, ends
end

local function id_of(head) return string.sub(head, 34, 55) end

-- The user, or false if nobody is logged in.
local function user_of(head)
  local user = string.sub(head, 56, 98)
  return string.byte(user) ~= 46 and user
end

local HEAD = 101
