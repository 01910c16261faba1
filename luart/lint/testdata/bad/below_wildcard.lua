local api = rover.server {}
function api.files.w_path.meta.get() return "x" end --> below-wildcard
return api
