local api = rover.server {}
function api.ws.get() return "x" end --> reserved-name
return api
