local api = rover.server {}
function api.chat.ws(ctx) return ctx end --> reserved-name
return api
