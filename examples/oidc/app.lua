-- A login at a provider, in front of a service that has none.
local api = rover.server {}

local login = rover.auth.oidc {
  issuer = rover.config.issuer, client_id = "shop", client_secret = rover.config.client_secret,
  redirect_uri = rover.config.site .. "/oauth2/callback", post_logout_redirect_uri = rover.config.site .. "/",
  headers = { ["X-User"] = "name", ["X-Groups"] = "groups" },
}

login:protect(api)
api.admin.before.role = rover.auth.allow_roles(api, "admin", { role_key = "groups" })

function api.logout.post(ctx) return login:logout(ctx) end

return api
