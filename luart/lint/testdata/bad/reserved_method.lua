local api = rover.server {}
api.users.p_id.delete.post = function() return "x" end --> reserved-name
return api
