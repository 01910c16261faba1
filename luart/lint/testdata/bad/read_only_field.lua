local api = rover.server {}
function api.w_rest.any(ctx)
  ctx.path = "/other" --> read-only-field
  ctx.user = "ann" --> read-only-field
  return api.pass()
end
function api.after.brand(ctx, res)
  res.status = 201
  res.headers["X-Brand"] = ctx.host --> method-as-field
  res.body = "x" --> read-only-field
end
return api
