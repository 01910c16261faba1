local api = rover.server {}
function api.before.auth(ctx)
  if ctx:header("X-Token") == "s3cret" then
    return true --> boolean-guard
  end
  return api:error(401, "who are you?")
end
return api
