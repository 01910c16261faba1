---@meta rover

-- What scripts for Rover for Caddy see, for lua-language-server (LuaCATS annotations). Written by
-- "caddy rover types"; not loaded by Rover. Times are in seconds unless a name says otherwise.
--
-- The language is Lua 5.1. io opens no files (write goes to the log), debug has traceback, getinfo and print only, os has clock,
-- date, difftime, time and getenv, package has config, loaded and preload; dofile, loadfile and module are not there.
-- Settings that fit, in .luarc.json:
--
--   {
--     "runtime.version": "Lua 5.1",
--     "runtime.builtin": { "ffi": "disable", "jit": "disable", "utf8": "disable" },
--     "workspace.library": ["types"]
--   }

---What scripts see beside the language: how a script begins, state, waiting, timers and background tasks.
rover = {}

---The version of the script in its VM: 1 at first, and more with each one that takes over.
---
---```lua
---rover.version --> 1
---```
---@type integer
rover.version = 1

---The values of "set" in the Caddyfile, and functions that find others. See [configuration](../config.md).
---
---```lua
---rover.config.token --> "s3cret"
---rover.config.none --> nil
---```
---@class rover.Config
---@field [string] string
rover.config = {}

---What a Lua file returns: plain data. The file sees no functions and no rover. It is in the folder of the script, or in one of
---allow fs, and is watched as the script is.
---
---Errors: there is no such file, or it is longer than 1 MiB; it does not compile, or raises; what it returns is no plain data.
---
---Waits: for the file system.
---
---```lua
---rover.config.load("settings.lua").db.host --> "10.0.0.5"
---```
---@param path string
---@return any value
function rover.config.load(path) end

---The environment variables whose names begin with the prefix and an underscore, as nested tables of texts: APP_DB_HOST is
---db.host for "APP".
---
---Errors: without "allow env" for them; two variables that are about one place, such as APP_DB and APP_DB_HOST; more than 1000.
---
---```lua
---rover.config.from_env("APP").db.host --> "10.0.0.5"
---```
---@param prefix string
---@return table<string, any> values
function rover.config.from_env(prefix) end

---Options of rover.server. They hold for all that the script sees, also for what is passed on; docs/cors.md,
---docs/rate-limits.md, docs/security.md and docs/health.md say more.
---@class rover.ServerOptions
---@field body_size_limit? integer Bytes of a request body that the script may read, where max_body of the directive is not smaller; 0: max_body
---@field health? boolean|rover.Health Probes that are answered before anything of the script; see docs/health.md. Default: false
---@field readiness? { dependencies?: table<string, boolean|fun(): any, string?> } What the script depends on: it is not ready while one of them is not there. A function says how one is, again and again; true of "store" is the script's store.
---@field cors_origin? string|string[]|fun(origin: string, ctx: rover.Ctx): boolean? Which sites' pages may read answers: "*", an origin, a list, or a function. Default: none
---@field cors_methods? string|string[] What they may send. Default: GET, POST, PUT, PATCH, DELETE, OPTIONS, HEAD
---@field cors_headers? string|string[] With what headers. Default: Content-Type, Authorization
---@field cors_credentials? boolean Also with the user's cookies. Default: false
---@field allow_wildcard_cors_credentials? boolean cors_origin = "*" is meant with credentials, too: any site may read what the user can
---@field cors_max_age? integer Seconds that a browser may keep this, 0 to 86400. Default: 600
---@field cors_expose_headers? string|string[] Headers of answers that pages may read. Default: none
---@field security_headers? boolean|table<string, string|false> true adds X-Content-Type-Options, X-Frame-Options and Referrer-Policy to answers without them; a table has other values of these
---@field allow_insecure_security_header_overrides? boolean The script may set less safe values of these. Default: false
---@field rate_limit? boolean|rover.RateLimitTable true: 1000 requests a minute of each address

---Limits of a table, in place of calls of limit. Of scoped the first that matches a path holds, and beside it global.
---@class rover.RateLimitTable
---@field enabled? boolean false: no limits. Default: true
---@field global? rover.TableLimit|false For all paths. Default: 1000 requests in 60 seconds; false: none
---@field scoped? rover.TableLimit[] For paths

---A limit of a rate_limit table.
---@class rover.TableLimit
---@field path_pattern? string Of a scoped one: "/x/*" is /x and below, "/x/:id" and "/x/*/y" are paths of so many segments
---@field requests_per_window? integer Default: 1000
---@field window_secs? number Default: 60
---@field key_header? string Who is counted: the value of that header, and by the address who has none. Default: the address
---@field docs? boolean Whether the site has a document of OpenAPI, for who has the token; see docs/openapi.md. Default: false
---@field management_prefix? string Where it is: at <prefix>/docs and <prefix>/openapi.json. Default: "/_rover"
---@field management_token? string 16 bytes at least. Without one nobody gets it.
---@field allow_unauthenticated_management? boolean true: everybody gets it. Default: false

---Probes. Segments of paths have letters, digits, "-", "_", "." and "~".
---@class rover.Health
---@field live? string|false The path that is answered with 200. Default: "/healthz"
---@field ready? string|false The path that is answered with 200 or 503. Default: "/readyz"
---@field details? boolean Who is told why the server is not ready: true everybody, false nobody. Default: clients on the same machine
---@field interval? number Seconds from one check of a dependency to the next, 0.1 to 3600. Default: 10
---@field timeout? number Seconds that a check may take, 0.1 to 60. Default: 2

---Says how a dependency of rover.server { readiness = { dependencies = … } } is from now on. nil is false.
---
---Errors: a name that is not declared, or has a function.
---
---```lua
---local api = rover.server { health = true, readiness = { dependencies = { billing = true } } }
---function api.billing.delete()
---  rover.ready("billing", false, "switched off")
---  return "off"
---end
---return api
----- GET /readyz => 200 {"status":"ready"}
----- DELETE /billing => 200 off
----- GET /readyz => 503 {"status":"not_ready"}
---```
---@param name string
---@param ok any Whether it is there.
---@param reason? string Why it is not, for who may know; cut at 256 bytes.
function rover.ready(name, ok, reason) end

---Begins a script, which ends with "return api". The options are those that scripts of Rover's own server have. What is
---Caddy's job (host, port, tls, …) has no effect; an option that guards and has none (permissions, https_redirect, …) is a
---warning in the log that says what to write instead.
---
---Errors: a second call; an option that there is not.
---
---Where: while the script loads.
---
---```lua
---local api = rover.server { cors_origin = "https://app.example", security_headers = true }
---function api.get() return "hello" end
---return api
----- GET / | Origin: https://app.example => 200 hello | Access-Control-Allow-Origin: https://app.example | X-Frame-Options: DENY
---```
---@param options? rover.ServerOptions
---@return rover.Api
function rover.server(options) end

---A table that all requests and versions of the script share. It belongs to the VM and survives reloads; with "persist" it
---outlives the process. There is no copy: a change is seen by the next handler.
---
---Errors: a default with a metatable.
---
---```lua
---local hits = rover.state("hits", { total = 0 })
---function api.hit.post() hits.total = hits.total + 1 end
---function api.hits.get() return hits.total end
----- POST /hit => 204 
----- POST /hit => 204 
----- GET /hits => 200 2
---```
---@param name string
---@param default? table What it is at first; {} if not given.
---@return table
function rover.state(name, default) end

---Registers a matcher for "@name rover matcher" of the Caddyfile. It may wait, and may only read the request. What it returns
---but nil and false is a match.
---
---Errors: a name that is empty or registered already.
---
---Where: while the script loads.
---
---```lua
---rover.matcher("beta", function(ctx) return ctx:cookie("beta") == "1" end)
---function api.get() return "registered" end
----- GET / => 200 registered
---```
---@param name string
---@param f fun(ctx: rover.Ctx): boolean?
function rover.matcher(name, f) end

---Registers a load balancing policy for "lb_policy rover" of the Caddyfile. It returns one of the upstreams, its place in the
---list that it was given, or its dial address; nil for none. It may wait.
---
---Errors: a name that is empty or registered already.
---
---Where: while the script loads.
---
---```lua
---rover.policy("by_tenant", function(ctx, upstreams)
---  return #ctx.host % #upstreams + 1
---end)
---function api.get() return "registered" end
----- GET / => 200 registered
---```
---@param name string
---@param f fun(ctx: rover.Ctx, upstreams: rover.Upstream[]): rover.Upstream|integer|string|nil
function rover.policy(name, f) end

---Registers who may have a certificate, for "on_demand_tls { permission rover … }" of the Caddyfile. See [TLS](../tls.md).
---
---It gets the name that a client asks for, lowercase and in ASCII, or the address that it has connected to. It may wait. Only true
---allows the name. For how many seconds that is remembered can be said, too: 60 if it is not, and 10 for what is not allowed.
---
---Errors: a name that is empty or registered already.
---
---Where: while the script loads.
---
---```lua
---local customers = { ["shop.example"] = true }
---rover.tls_permission("customers", function(name)
---  return customers[name] == true, 300
---end)
---function api.get() return "registered" end
----- GET / => 200 registered
---```
---@param name string
---@param f fun(server_name: string): boolean?, number?
function rover.tls_permission(name, f) end

---Registers who has certificates, for "tls { get_certificate rover … }" of the Caddyfile. See [TLS](../tls.md).
---
---It gets a name as rover.tls_permission does, and returns the certificate with its chain, and the key, both as PEM. ttl is
---for how many seconds that is remembered, 0 to 86,400, default 300. nil refuses the handshake. false leaves it to others, as
---certificates on demand. It may wait.
---
---Errors: a name that is empty or registered already.
---
---Where: while the script loads.
---
---```lua
---local vault = rover.store "certificates"
---rover.tls_certificate("vault", function(name)
---  local found = vault:get(name)
---  return found and { certificate = found.certificate, key = found.key, ttl = 600 }
---end)
---function api.get() return "registered" end
----- GET / => 200 registered
---```
---@param name string
---@param f fun(server_name: string): { certificate: string, key: string, ttl?: number }|false|nil
function rover.tls_certificate(name, f) end

---What a policy chooses from.
---@class rover.Upstream
---@field dial string
---@field host string
---@field place integer In the configuration's list, from 1
---@field requests integer Being served
---@field fails integer Remembered by passive health checks
---@field max_requests integer?

---Waits for a time.
---
---Errors: seconds that are not 0 to 86,400; the client has left, or the timeout is over.
---
---Waits: yes. 0 lets others run and goes on.
---
---```lua
---function api.slow.get()
---  rover.sleep(0.001)
---  return "done"
---end
----- GET /slow => 200 done
---```
---@param seconds number 0 to 86400
function rover.sleep(seconds) end

---Runs functions at the same time: one runs while others wait. Of a list the results are returned in order, one of each
---function; of named functions in one table.
---
---Errors: the first error of a function, after the others were ended; more than 256 functions; positions and names mixed.
---
---Waits: until all have returned.
---
---```lua
---local a, b = rover.parallel { function() rover.sleep(0.001) return 1 end, function() return 2 end }
---a + b --> 3
---rover.parallel { one = function() return 1 end, two = function() return 2 end } --> { one = 1, two = 2 }
---```
---@param functions table<string|integer, fun(): any>
---@return any ... The results of a list, or one table<string, any>
function rover.parallel(functions) end

---Calls f in the background, soon. The task goes on when the request is over. An error in it is logged. While the script
---loads it begins when the server starts.
---
---Errors: more than 1,024 tasks that run or wait.
---
---```lua
---local seen = rover.state("seen", { n = 0 })
---local done = rover.channel("done", 1)
---function api.post()
---  rover.spawn(function() seen.n = seen.n + 1; done:send(true) end)
---end
---function api.get() done:recv() return seen.n end
----- POST / => 204 
----- GET / => 200 1
---```
---@param f fun(premature: boolean) premature: the script has been replaced meanwhile
function rover.spawn(f) end

---Calls f once, in the background.
---
---Errors: seconds that are not 0 to a year; more than 10,000 timers.
---
---```lua
---local done = rover.channel("done", 1)
---rover.after(0, function() done:send("called") end)
---function api.get() return done:recv() end
----- GET / => 200 called
---```
---@param seconds number From now; while the script loads, from the start of the server
---@param f fun(premature: boolean) premature: early, because the script is replaced or the server stops
---@return rover.Timer
function rover.after(seconds, f) end

---Calls f again and again, in the background. A call that is due while the last one has not returned is left out. An error is
---logged, and the timer goes on.
---
---Errors: seconds that are not 0.001 to a year; more than 10,000 timers.
---
---```lua
---local ticks = rover.channel("ticks", 1)
---local timer
---timer = rover.every(0.001, function() ticks:send("tick"); timer:stop() end)
---function api.get() return ticks:recv() end
----- GET / => 200 tick
---```
---@param seconds number At least 0.001
---@param f fun(premature: boolean) premature: the last call, because the script is replaced or the server stops
---@return rover.Timer
function rover.every(seconds, f) end

---Calls f at the times of a cron specification, in the server's time zone or that of CRON_TZ. Weekdays are 0 to 7, where 0
---and 7 are Sunday. When the clocks change, a job at certain times of the day runs once on that day: what is due in an hour
---that is skipped runs right after it.
---
---Errors: a specification that cannot be read, or that never comes true; more than 10,000 timers.
---
---```lua
---local nightly = rover.cron("CRON_TZ=Europe/Berlin 30 3 * * *", function() rover.log.info("good night") end)
---function api.get() nightly:stop() return "stopped" end
----- GET / => 200 stopped
---```
---@param spec string "minute hour day month weekday", "@hourly", "@daily", "@weekly", "@monthly", "@yearly", "CRON_TZ=Europe/Berlin 0 6 * * *"
---@param f fun(premature: boolean)
---@return rover.Timer
function rover.cron(spec, f) end

---What rover.after, rover.every and rover.cron return.
---@class rover.Timer
local Timer = {}

---There is no further call, not even the last one.
---
---```lua
---local timer = rover.every(60, function() end)
---function api.get() timer:stop() return "stopped" end
----- GET / => 200 stopped
---```
function Timer:stop() end
