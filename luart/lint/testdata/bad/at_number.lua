local api = rover.server {}
api:at(7).get = function() return "x" end --> bad-pattern
return api
