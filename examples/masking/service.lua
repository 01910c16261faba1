-- A service that tells everybody everything.
local api = rover.server {}

local users = {
  { id = 1, name = "Ann", email = "ann@example.com", pay = { card_number = "4111", until_ = "2030" } },
  { id = 2, name = "Bob", phone = "+1 555 0100" },
}

function api.users.get() return users end
function api.users.p_id.get(ctx) return users[tonumber(ctx:param("id"))] or api:error(404, "no such user") end
function api.users.big.get()
  return api.raw('{ "id": 12345678901234567890, "email": "big@example.com", "score": 1.50, "boss": null, "tags": [] }', "application/json")
end
function api.users.page.get() return api.html "<b>ann@example.com</b>" end
function api.users.broken.get() return api.raw('{"email":"ann@exam', "application/json") end

return api
