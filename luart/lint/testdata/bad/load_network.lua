local api = rover.server {}
local res = assert(rover.http.get("http://127.0.0.1:1/")) --> load-needs-network
function api.get() return res.body end
return api
