-- what check answers for the world outside
local api = rover.server {}
local res, why = rover.http.get("http://127.0.0.1:1/config")
local limit = res and res.data.limit or 10
local client = rover.http.create { base_url = "http://127.0.0.1:1" }
local _, why2 = client:post("/x", { json = {} })
assert(why and why2, "there should be no network")
assert(rover.env.HOME == nil and rover.env.get("HOME", "x") == "x")
rover.sleep(3600)
rover.every(1, function() error("never runs") end)
rover.spawn(function() error("never runs") end)
api.on_check(function() error("never runs") end)
api.on_start(function() error("never runs") end)
function api.get() return { limit = limit } end
return api
