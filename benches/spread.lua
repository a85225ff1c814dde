-- Spreads a script's requests over several servers: each connection of wrk's thread belongs to one of them, in turn.
-- Arguments: the script, the number of servers, their ports, then those of the script.
-- wrk resolves one address for each thread, so there are as many threads as servers.
local threads = 0

function setup(thread)
  local ports = {}
  for port in string.gmatch(os.getenv("SPREAD_PORTS"), "%d+") do
    ports[#ports + 1] = port
  end
  local addresses = wrk.lookup("127.0.0.1", ports[threads % #ports + 1])
  thread.addr = addresses[1]
  thread:set("seed_of_thread", threads)
  threads = threads + 1
end

dofile(os.getenv("SPREAD_SCRIPT"))

local begin = init
function init(args)
  begin(args)
  -- The scripts seed their numbers with their second argument, which is the same for all threads.
  math.randomseed(tonumber(args[2]) * 1000 + seed_of_thread)
end

-- Linearizable, whatever the server's default: the original reads locally unless it is told.
local plain = request
function request()
  local text = plain()
  if os.getenv("SPREAD_QUORUM") then
    text = text:gsub("^(GET [^ ]+)", "%1?quorum=true", 1)
  end
  return text
end
