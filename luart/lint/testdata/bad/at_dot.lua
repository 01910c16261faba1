local api = rover.server {}
api.at("/x").get = function() return "x" end --> dot-call
return api
