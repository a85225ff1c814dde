-- Spreads the requests of another script over several servers: wrk has as many threads as there are servers, and each
-- thread asks one of them. Arguments: those of the script. The environment has the rest: SPREAD_SCRIPT, SPREAD_PORTS, and
-- SPREAD_QUORUM where reads are to be linearizable.
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
