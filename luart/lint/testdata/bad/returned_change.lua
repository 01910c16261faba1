local api = rover.server {}
function api.old.get(ctx) return ctx:rewrite("/new") end --> returned-change
function api.chain.get(ctx)
  return ctx:rewrite("/new"):set_header("X-Old", "1") --> returned-change
end
function api.good.get(ctx)
  ctx:rewrite("/new")
  return api.pass()
end
function api.before.move(ctx) return ctx:rewrite("/new") end
function api.next.get(ctx) return ctx:rewrite("/new"):next() end
return api
