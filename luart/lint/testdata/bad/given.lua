-- What the Caddyfile gives the script: set upstream, and allow env APP_*.
local api = rover.server {}
local config, http = rover.config, rover.http

api.admin.auth { jwt = rover.auth.jwks("https://id.example.com/keys") } --> not-granted

function api.geo.get(ctx) return rover.geo.country(ctx.client_ip) end --> not-granted
function api.fetch.get() return http.get("http://localhost/").body end --> not-granted
function api.read.get() return rover.fs.read("data/x") end --> not-granted
function api.redis.get() return rover.redis("redis://localhost"):get("x") end --> not-granted
function api.home.get() return rover.env.HOME or "none" end --> not-granted
function api.app.get() return rover.env.APP_NAME or rover.env.get("APP_NAME") or "none" end
function api.typo.get() return config.upstraem end --> unknown-setting
function api.known.get() return config.upstream .. (rover.config.path or "/") end
function api.asked.get()
	if config.title then return config.title end
	return "untitled"
end

return api
