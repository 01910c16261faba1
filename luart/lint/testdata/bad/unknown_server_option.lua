local api = rover.server { port = 8080, cors_orgin = "*" } --> unknown-option
return api
