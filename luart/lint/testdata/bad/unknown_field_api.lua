local api = rover.server {}
function api.get() return api.jsn { ok = true } end --> unknown-field
function api.a.get() return api.html_page("x") end --> unknown-field
function api.b.get() return api.json:statu(201, {}) end --> unknown-field
function api.c.get()
  return api.respond { --> unknown-field
    1,
  }
end
return api
