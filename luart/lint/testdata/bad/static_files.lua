local api = rover.server {}
api.assets.static { dir = "public" } --> static-files
return api
