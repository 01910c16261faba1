local api = rover.server {}
function api.after.log(ctx, res)
  if res.status == "500" then ctx:log("failed") end --> never-equal
end
return api
