local api = rover.server {}
function api.idempotent.get() return "x" end --> reserved-name
return api
