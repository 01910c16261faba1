local api = rover.server {}
api.limit { rate = 50, burst = 100 }
api.login.limit { rate = 5, per = 60 }
function api.login.post() return "in" end
return api
