local api = rover.server {}
function api.get() return "x" end --> no-return-api
