local api = rover.server {}
function api.on_strat() print("x") end --> unknown-hook
return api
