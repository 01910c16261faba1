-- Scripts of Rover's own server, as its documents write them: routes, methods, what no route matches.
-- unmatched respond
-- HEAD /a => 200 
-- OPTIONS /a => 204  | Allow: GET, HEAD, OPTIONS, POST
-- PUT /a => 405 {"error":"Method not allowed"} | Allow: GET, HEAD, OPTIONS, POST
-- GET /nope => 404 {"error":"Route not found"}
-- HEAD /own => 202 
-- OPTIONS /own => 200 mine
-- GET /users/7 => 200 7
-- GET /users/a%20b => 200 a b
-- GET /users/7/posts/9 => 200 7 9
-- GET /users/me => 200 me
-- GET /users/ => 404 {"error":"Route not found"}
-- GET /files/a/b/c => 200 a/b/c
-- GET /v1/users => 200 list
-- POST /v1/users => 201 {"ok":true}
-- GET /v1/users/7 => 200 user 7
-- GET /v2/ping => 200 pong
-- PUT /all => 200 put
-- PATCH /all => 200 patch
-- DELETE /all => 204 
-- PURGE /whatever => 200 PURGE
local api = rover.server {}

function api.a.get(ctx) return "body" end
function api.a.post(ctx) return "posted" end
function api.own.get(ctx) return "get" end
function api.own.head(ctx) return api.raw:status(202, "") end
function api.own.options(ctx) return "mine" end

function api.users.p_id.get(ctx) return ctx:params().id end
function api.users.p_id.posts.p_post.get(ctx)
  local p = ctx:params()
  return p.id .. " " .. p.post
end
function api.users.me.get(ctx) return "me" end
function api.files.w_path.get(ctx) return ctx:params().path end

api.v1 = {
  users = {
    get = function(ctx) return "list" end,
    post = function(ctx) return api.json:status(201, { ok = true }) end,
    p_id = { get = function(ctx) return "user " .. ctx:params().id end },
  },
}
local v2 = api.v2
function v2.ping.get(ctx) return "pong" end

function api.all.put(ctx) return "put" end
function api.all.patch(ctx) return "patch" end
function api.all.delete(ctx) return api:no_content() end
function api.whatever.any(ctx) return ctx.method end

return api
