local api = rover.server {}
function api.users.p_id.get() return "one" end
function api.users.p_name.post() return "two" end --> clashing-parameter
return api
