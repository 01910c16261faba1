local api = rover.server {}
api.assets.static { cache = "no-cache" } --> static-files
return api
