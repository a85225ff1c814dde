-- Requests of another script, and the time within which 99 of 100 were answered. Its arguments are those of that one. The environment
-- has the ports and the script, as for spread.lua.
dofile(debug.getinfo(1, "S").source:match("^@(.*)tail.lua$") .. "spread.lua")

function done(summary, latency)
  io.write(string.format("99 of 100 within %d us\n", latency:percentile(99)))
end
