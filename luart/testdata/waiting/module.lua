-- A module that waits while it loads.
local c = rover.config
local got = require "places"[c.place](require "calls".waiter(c.call, c.id), c.id)
assert(got == c.id, got)
