local api = rover.server {}
api["a/b"].get = function() return "x" end --> bad-segment
return api
