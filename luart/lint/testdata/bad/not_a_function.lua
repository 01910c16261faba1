local api = rover.server {}
api.users.get = "x" --> not-a-function
return api
