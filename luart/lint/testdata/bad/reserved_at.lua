local api = rover.server {}
function api.at.get() return "x" end --> reserved-name
return api
