local api = rover.server {}
function api.orders.after.get(ctx) return "meant for /orders/after" end --> hook-named-like-method
function api.orders.before.delete(ctx) end --> hook-named-like-method
function api.before.any(ctx) end --> hook-named-like-method
function api.chat.before.ws(ctx) end --> hook-named-like-method
function api.trips.before.after(ctx) end --> hook-named-like-method
api:at("/ws").before.get = function(ctx) end --> hook-named-like-method
function api.orders.before.auth(ctx) end
function api.orders.done.get(ctx, summary) end --> hook-named-like-method
function api.trips.done.get(ctx) return "trips that are done" end
function api.done.log(ctx, summary) end
return api
