-- GET / => 200 root
-- GET /users/7 => 200 user 7
-- GET /users/me => 200 me
-- GET /users/a%2Fb => 200 user a/b
-- GET /users/a%20b => 200 user a b
-- GET /users/ => 200 GET /users/ 
-- GET /users => 200 GET /users 
-- POST /users/me => 200 posted me
-- DELETE /users/me => 200 DELETE /users/me 
-- GET /files/a/b//c => 200 files a/b//c
-- GET /files/ => 200 GET /files/ 
-- GET /files => 200 GET /files 
-- HEAD /users/7 => 200 
-- PROPFIND /other => 200 any PROPFIND
-- OPTIONS /users/me => 200 OPTIONS /users/me 
-- OPTIONS /nowhere => 200 OPTIONS /nowhere 
-- GET /deep/x/end => 200 end x
-- GET /deep/fixed/other => 200 other
-- GET /deep/fixed/end => 200 end fixed
-- GET /.well-known/x.json => 200 {"ok":true}
-- GET /list => 200 from a table
-- GET /list/sub => 200 below
local api = rover.server { port = 8080 }
function api.get() return "root" end
function api.users.p_id.get(ctx) return "user " .. ctx:params().id end
function api.users.me.get() return "me" end
function api.users.p_id.post(ctx) return "posted " .. ctx:param("id") end
function api.files.w_path.get(ctx) return "files " .. ctx:param("path") end
function api.other.any(ctx) return "any " .. ctx.method end
api.deep.p_x["end"].get = function(ctx) return "end " .. ctx:param("x") end
function api.deep.fixed.other.get() return "other" end
api[".well-known"]["x.json"].get = function() return { ok = true } end
api.list = { get = function() return "from a table" end, sub = { get = function() return "below" end } }
return api
