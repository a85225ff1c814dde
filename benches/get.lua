-- Reads random keys of the loaded key space. Arguments: number of keys, seed.
local keys = 0

function init(args)
  keys = tonumber(args[1])
  math.randomseed(tonumber(args[2]))
end

function request()
  local key = math.random(0, keys - 1)
  return wrk.format("GET", string.format("/v2/keys/t/d%03d/key-%06d", math.floor(key / 1000), key))
end
