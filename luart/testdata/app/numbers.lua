-- GET /inf => 200 inf
-- GET /id => 200 9007199254740991
-- GET /words => 200 9.007199254741e+15 -inf
-- GET /url => 200 /?id=9007199254740991&n=inf
-- GET /keys => 200 {"9007199254740991":1,"inf":2}
-- GET /re => 200 9007199254740991-
local api = rover.server {}
local id = 2^53 - 1
function api.inf.get() return 1 / 0 end
function api.id.get() return id end
function api.words.get() return id .. " " .. -1 / 0 end
function api.url.get() return rover.url.build { path = "/", query = { id = id, n = 1 / 0 } } end
function api.keys.get() return { [id] = 1, [1 / 0] = 2 } end
function api.re.get() return (rover.re.gsub("x-", "x", function() return id end)) end
return api
