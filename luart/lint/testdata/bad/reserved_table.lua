local api = rover.server {}
api.cart = { delete = { post = function() return "x" end } } --> reserved-name
return api
