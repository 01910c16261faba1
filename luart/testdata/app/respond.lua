-- unmatched respond
-- GET /a => 200 a
-- GET /b => 404 {"error":"Route not found"}
-- POST /a => 405 {"error":"Method not allowed"}
-- OPTIONS /a => 204 
-- GET /a/ => 404 {"error":"Route not found"}
local api = rover.server {}
function api.a.get() return "a" end
return api
