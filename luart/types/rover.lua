---@meta rover

-- What scripts for Rover for Caddy see, for lua-language-server (LuaCATS annotations). Written by
-- "caddy rover types"; not loaded by Rover. Times are in seconds unless a name says otherwise.
--
-- The language is Lua 5.1. io opens no files (write goes to the log), debug has traceback and getinfo only, os has clock,
-- date, difftime, time and getenv, package has config, loaded and preload; dofile, loadfile and module are not there.
-- Settings that fit, in .luarc.json:
--
--   {
--     "runtime.version": "Lua 5.1",
--     "runtime.builtin": { "ffi": "disable", "jit": "disable", "utf8": "disable" },
--     "workspace.library": ["types"]
--   }

rover = {}

---The version of the script in its VM: 1 at first, and more with each one that takes over.
---@type integer
rover.version = 1

---The values of "set" in the Caddyfile.
---@type table<string, string>
rover.config = {}

---Begins a script. What is Caddy's job in the options (host, port, tls, …) has no effect.
---@param options? table
---@return rover.Api
function rover.server(options) end

---A table that all requests and versions of the script share.
---@param name string
---@param default? table What it is at first; {} if not given.
---@return table
function rover.state(name, default) end

---Registers a matcher for "@name rover matcher".
---@param name string
---@param f fun(ctx: rover.Ctx): boolean?
function rover.matcher(name, f) end

---Registers a load balancing policy for "lb_policy rover".
---@param name string
---@param f fun(ctx: rover.Ctx, upstreams: rover.Upstream[]): rover.Upstream|integer|string|nil
function rover.policy(name, f) end

---@class rover.Upstream
---@field dial string
---@field host string
---@field place integer In the configuration's list, from 1
---@field requests integer Being served
---@field fails integer Remembered by passive health checks
---@field max_requests integer?

---Waits; other requests run meanwhile.
---@param seconds number 0 to 86400
function rover.sleep(seconds) end

---Runs functions at the same time and returns their results: in order for a list, by name for a table. The first error
---ends the others and is raised.
---@generic K
---@param functions table<K, fun(): any>
---@return table<K, any>
function rover.parallel(functions) end

---Calls f in the background, soon. premature: the script has been replaced meanwhile.
---@param f fun(premature: boolean)
function rover.spawn(f) end

---Calls f once, in the background.
---@param seconds number
---@param f fun(premature: boolean) premature: early, because the script is replaced or the server stops
---@return rover.Timer
function rover.after(seconds, f) end

---Calls f again and again, in the background.
---@param seconds number At least 0.001
---@param f fun(premature: boolean) premature: the last call, because the script is replaced or the server stops
---@return rover.Timer
function rover.every(seconds, f) end

---Calls f at the times of a cron specification.
---@param spec string "minute hour day month weekday", "@hourly", "CRON_TZ=Europe/Berlin 0 6 * * *"
---@param f fun(premature: boolean)
---@return rover.Timer
function rover.cron(spec, f) end

---@class rover.Timer
local Timer = {}

---There is no further call, not even the last one.
function Timer:stop() end
