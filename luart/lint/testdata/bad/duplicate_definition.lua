local api = rover.server {}
function api.users.get() return "first" end
function api.users.get() return "second" end --> duplicate-definition
function api.before.auth() end
function api.before.auth() end --> duplicate-definition
return api
