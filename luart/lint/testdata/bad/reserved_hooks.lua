local api = rover.server {}
function api.orders.after.items.get() return "x" end --> reserved-name
return api
