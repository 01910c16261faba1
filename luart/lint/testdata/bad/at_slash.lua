local api = rover.server {}
api:at("users").get = function() return "x" end --> bad-pattern
return api
