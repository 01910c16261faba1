local api = rover.server {}
function api.html.pages.get() return "x" end --> reserved-name
return api
