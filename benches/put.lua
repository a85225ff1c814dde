-- Sets random keys of the loaded key space, 128-byte values. Arguments: number of keys, seed.
local keys, count = 0, 0
local letters = "abcdefghijklmnopqrstuvwxyz0123456789"
local pad = ""
local head = { ["Content-Type"] = "application/x-www-form-urlencoded" }

function init(args)
  keys = tonumber(args[1])
  math.randomseed(tonumber(args[2]))
  local parts = {}
  for i = 1, 116 do
    local at = math.random(#letters)
    parts[i] = letters:sub(at, at)
  end
  pad = table.concat(parts)
end

function request()
  local key = math.random(0, keys - 1)
  count = count + 1
  local path = string.format("/v2/keys/t/d%03d/key-%06d", math.floor(key / 1000), key)
  return wrk.format("PUT", path, head, string.format("value=%012d%s", count, pad))
end
