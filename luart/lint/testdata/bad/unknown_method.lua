local api = rover.server {}
function api.users.gte() return "x" end --> unknown-method
return api
