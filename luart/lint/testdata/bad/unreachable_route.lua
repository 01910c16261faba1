local api = rover.server {}
api.users[":id"].get = function() return "user" end --> unreachable-route
api.shops["{id}"].get = function() return "shop" end --> unreachable-route
api.files["*"].get = function() return "file" end --> unreachable-route
api["search?q"].get = function() return "found" end --> unreachable-route
api["a%20b"].get = function() return "a b" end --> unreachable-route
api["%77s"].get = function() return "ws" end --> unreachable-route
api["a%2Fb"].get = function() return "a/b" end --> unreachable-route
api[""].get = function() return "/" end --> unreachable-route
api.up[".."].get = function() return "/" end --> unreachable-route
return api
