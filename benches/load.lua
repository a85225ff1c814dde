-- Sets every key once, then says "loaded" (wrk itself always runs for its whole duration: whoever started it interrupts
-- it then). Arguments: number of keys, number of connections.
-- After the last key it begins again at the first, so that no answer is still missing when it stops.
local keys, connections, sent, answered = 0, 0, 0, 0
local pad = string.rep("v", 116)
local head = { ["Content-Type"] = "application/x-www-form-urlencoded" }

function init(args)
  keys = tonumber(args[1])
  connections = tonumber(args[2])
end

function request()
  local key = sent % keys
  sent = sent + 1
  local path = string.format("/v2/keys/t/d%03d/key-%06d", math.floor(key / 1000), key)
  return wrk.format("PUT", path, head, string.format("value=%012d%s", key, pad))
end

function response()
  answered = answered + 1
  if answered == keys + 4 * connections then
    io.write("loaded\n")
    io.flush()
    wrk.thread:stop()
  end
end
