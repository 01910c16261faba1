local api = rover.server {}
function api.on_start.get() return "x" end --> reserved-name
return api
