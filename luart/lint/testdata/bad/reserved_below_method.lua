local api = rover.server {}
function api.x.get() return "x" end api.x.get.y = function() return "y" end --> reserved-name
return api
