-- What is no secret, no option or no request never lets a request through, and no error shows the secret.
-- GET /unset => 500 {"error":"internal error"} | X-Why: bad argument #3 to verify (secret or list of secrets expected, got nil)
-- GET /short => 500 {"error":"internal error"} | X-Why: bad argument #3 to verify (secret 1 has 6 bytes: at least 16 expected)
-- GET /mixed => 500 {"error":"internal error"} | X-Why: bad argument #3 to verify (secret or list of secrets expected, got table)
-- GET /none => 500 {"error":"internal error"} | X-Why: bad argument #3 to verify (0 secrets: 1 to 10 expected)
-- GET /kind => 500 {"error":"internal error"} | X-Why: bad argument #1 to verify ("github", "stripe" or "standard" expected)
-- GET /ctx => 500 {"error":"internal error"} | X-Why: bad argument #2 to verify (ctx expected, got table)
-- GET /tolerance => 500 {"error":"internal error"} | X-Why: bad argument #4 to verify (option 'tolerance': seconds, from 1 to 3600, expected, got 3601)
-- GET /endless => 500 {"error":"internal error"} | X-Why: bad argument #4 to verify (option 'tolerance': seconds, from 1 to 3600, expected, got inf)
-- GET /github => 500 {"error":"internal error"} | X-Why: bad argument #4 to verify (option 'tolerance': this sender signs no time)
-- POST /twice {"a":1} => 200 nil unsigned {"a":1}
local api = rover.server {}
local secret = ("s"):rep(16)

local function fails(path, ...)
  local kind, request, secret, options = ...
  api[path].get = function(ctx)
    return tostring(rover.webhook.verify(kind, request == true and ctx or request, secret, options))
  end
end
fails("unset", "stripe", true, nil)
fails("short", "stripe", true, "secret")
fails("mixed", "stripe", true, { secret, 7 })
fails("none", "stripe", true, {})
fails("kind", "gitlab", true, secret)
fails("ctx", "stripe", {}, secret)
fails("tolerance", "stripe", true, secret, { tolerance = 3601 })
fails("endless", "stripe", true, secret, { tolerance = math.huge })
fails("github", "github", true, secret, { tolerance = 60 })

-- The body is there for the handler too.
function api.twice.post(ctx)
  local genuine, why = rover.webhook.verify("stripe", ctx, secret)
  return tostring(genuine) .. " " .. why .. " " .. ctx:body():text()
end

function api.on_error(err)
  return api:error(500, "internal error"):set_header("X-Why", (err.message:gsub("^.-:%d+: ", "")))
end
return api
