local api = rover.server {}
api.on_stpo(function() print("x") end) --> unknown-field
return api
