local api = rover.server {}
api:at("/:id.json").get = function() return "x" end --> bad-pattern
return api
